import type { TunnelPort, tunnelEventKinds } from '@lucid/common/apis/tunnels-schemas';

/** One address of a tunnel, with its key under seal. */
export interface OnionServiceRecord {
  readonly onionAddress: string;
  /** Opens in the context `['onion', tunnel, address]`. */
  readonly sealedKey: string;
  readonly createdAt: number;
  /** When it goes; null for the current one. */
  readonly retiresAt: number | null;
}

/** Somebody who is let in. */
export interface ClientRecord {
  readonly clientId: string;
  readonly name: string;
  /** x25519, base32. The private key is theirs alone. */
  readonly publicKey: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

/** What is declared; times are Unix milliseconds. */
export interface Tunnel {
  readonly name: string;
  readonly version: number;
  readonly owner: string;
  /** `file`: the operator's file declares it, and only the file changes it. */
  readonly origin: 'api' | 'file';
  readonly desired: 'published' | 'stopped';
  readonly ports: readonly TunnelPort[];
  readonly clientAuth: boolean;
  readonly clients: readonly ClientRecord[];
  readonly powDefense: boolean;
  readonly maxStreams: number;
  readonly expiresAt: number | null;
  /** The current one first, then the one that retires. */
  readonly services: readonly [OnionServiceRecord, ...OnionServiceRecord[]];
  /** The key by which this service itself is let in, to verify; opens in the context `['probe', tunnel]`. */
  readonly probeKey: { readonly publicKey: string; readonly sealedKey: string };
  /** Counts up when it is to be published anew as it is. */
  readonly epoch: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type TunnelEventKind = (typeof tunnelEventKinds)[number];

/** Something that happened, before it has a number and a time. */
export interface NewTunnelEvent {
  readonly kind: TunnelEventKind;
  readonly tunnel?: string;
  readonly onionAddress?: string;
  readonly by?: string;
  readonly requestId?: string;
  readonly detail?: string;
}

export interface TunnelEvent extends NewTunnelEvent {
  readonly eventId: number;
  readonly at: number;
}

/** Who asks, for the record of what was done. */
export interface Asker {
  readonly subject: string;
  readonly requestId: string;
}
