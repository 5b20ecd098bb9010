import type { BatchWriter } from '@lucid/common/storage/kv';
import type { Probe } from './probe.ts';
import type { NewTunnelEvent, Tunnel, TunnelEvent } from './tunnel.ts';

/** What tor was last told of an address. */
export interface Applied {
  readonly digest: string;
  /** When its descriptor was first uploaded since; null: not yet. */
  readonly publishedAt: number | null;
}

/** What is written together. */
export interface TunnelWrite {
  readonly put?: Tunnel;
  /** A tunnel's name; its probes go with it. */
  readonly remove?: string;
  /** Addresses of ours that tor must not have any more. */
  readonly bury?: readonly string[];
  /** Buried addresses that tor is rid of; what it was told of them goes too. */
  readonly exhume?: readonly string[];
  readonly applied?: readonly (readonly [onionAddress: string, applied: Applied | undefined])[];
  readonly events?: readonly NewTunnelEvent[];
  /** Adds to the same batch: the answer of an idempotent request. */
  readonly also?: ((batch: BatchWriter) => void) | undefined;
}

export interface TunnelStoreContent {
  readonly tunnels: readonly Tunnel[];
  readonly buried: readonly string[];
  readonly applied: ReadonlyMap<string, Applied>;
}

/**
 * What survives a restart. A write is atomic and on the disk when it resolves; writes take effect in the order of their
 * calls. After one has failed every later one is refused (STORE_FAILED). Events and probes have a number that only
 * grows, and the oldest are dropped past their limit.
 */
export interface TunnelStore {
  load(): Promise<TunnelStoreContent>;
  write(change: TunnelWrite): Promise<void>;
  /** Keeps a visit; answers its number. */
  addProbe(tunnel: string, probe: Omit<Probe, 'probeId'>): Promise<number>;
  /** The latest first, before the number where given. */
  listEvents(options: {
    limit: number;
    before: number | undefined;
    tunnel: string | undefined;
  }): Promise<TunnelEvent[]>;
  listProbes(tunnel: string, options: { limit: number; before: number | undefined }): Promise<Probe[]>;
}
