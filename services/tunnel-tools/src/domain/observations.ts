import type { TunnelState } from '@lucid/common/apis/tunnels-schemas';
import type { Reason } from './plan.ts';
import type { ProbeOutcome } from './probe.ts';
import type { NewTunnelEvent } from './tunnel.ts';

/** What is known of one onion service on the network. */
export interface Observation {
  readonly tunnel: string;
  readonly isRetiring: boolean;
  /** Why it is not on the network; set until it is added. */
  readonly absence: Reason | undefined;
  readonly uploads: { readonly requested: number; readonly uploaded: number; readonly failed: number };
  /** When enough of its descriptor was uploaded, since it was last added. */
  readonly publishedAt: number | null;
  readonly hasBeenReached: boolean;
  readonly failuresInRow: number;
  readonly lastProbe: { readonly at: number; readonly ok: boolean; readonly ms: number } | undefined;
  readonly lastFailure: Reason | undefined;
  readonly state: TunnelState;
  readonly since: number;
  readonly reason: Reason | undefined;
}

/** So many failed visits in a row make a service degraded. */
export const failuresMax = 3;

const noUploads = { requested: 0, uploaded: 0, failed: 0 };
const pending: Reason = { code: 'TUNNEL_PENDING', detail: 'tor is about to be told.' };
const torAway: Reason = { code: 'TOR_UNAVAILABLE', detail: 'tor does not answer, so what it has is not known.' };

/** The state that follows from what is known, and why. */
export function stateOf(known: Omit<Observation, 'state' | 'since' | 'reason'>, isConnected: boolean) {
  const { absence, publishedAt, failuresInRow, lastFailure, hasBeenReached, isRetiring, uploads } = known;
  if (!isConnected) return { state: 'absent', reason: torAway } as const;
  if (absence) return { state: 'absent', reason: absence } as const;
  if (failuresInRow >= failuresMax) return { state: 'degraded', reason: lastFailure } as const;
  if (isRetiring) return { state: 'retiring', reason: undefined } as const;
  if (hasBeenReached) return { state: 'reachable', reason: undefined } as const;
  if (publishedAt !== null) return { state: 'published', reason: undefined } as const;
  const detail = `${uploads.uploaded} of ${uploads.requested} uploads of its descriptor are done.`;
  return { state: 'publishing', reason: { code: 'TUNNEL_PUBLISHING', detail } } as const;
}

/** Enough to be found: a visitor asks the directories one after another. */
function isUploaded({ requested, uploaded }: Observation['uploads']): boolean {
  return uploaded > 0 && uploaded * 2 >= requested;
}

export interface ObservationsOptions {
  readonly now: () => number;
  /** A service went from one state to another in a way that is worth a line. */
  readonly onEvent: (event: NewTunnelEvent) => void;
  readonly onPublished: (onionAddress: string, at: number) => void;
}

/** What is seen of every onion service of ours; it lives in memory and is made anew from tor after a restart. */
export class Observations {
  readonly #options: ObservationsOptions;
  readonly #known = new Map<string, Observation>();
  #isConnected = false;

  constructor(options: ObservationsOptions) {
    this.#options = options;
  }

  find(onionAddress: string): Observation | undefined {
    return this.#known.get(onionAddress);
  }

  /** Takes in the services there are, and forgets those that are gone. */
  sync(services: readonly { tunnel: string; onionAddress: string; isRetiring: boolean }[]): void {
    const addresses = new Set(services.map(({ onionAddress }) => onionAddress));
    for (const address of this.#known.keys()) if (!addresses.has(address)) this.#known.delete(address);
    for (const { tunnel, onionAddress, isRetiring } of services) {
      if (this.#known.has(onionAddress)) this.#change(onionAddress, { isRetiring });
      else this.#known.set(onionAddress, this.#unseen(tunnel, isRetiring));
    }
  }

  setConnected(isConnected: boolean): void {
    this.#isConnected = isConnected;
    for (const onionAddress of this.#known.keys()) this.#change(onionAddress, {});
  }

  hold(onionAddress: string, absence: Reason): void {
    this.#change(onionAddress, { absence });
  }

  /** tor was told of it just now: nothing that was seen before counts. */
  added(onionAddress: string): void {
    const fresh = { uploads: noUploads, publishedAt: null, hasBeenReached: false, failuresInRow: 0 };
    this.#change(onionAddress, { ...fresh, absence: undefined, lastFailure: undefined });
  }

  /** tor has it from before, as it is to be. */
  adopted(onionAddress: string, publishedAt: number | null): void {
    const known = this.#known.get(onionAddress);
    if (known?.absence) this.#change(onionAddress, { absence: undefined, publishedAt });
  }

  uploaded(onionAddress: string, outcome: 'requested' | 'uploaded' | 'failed'): void {
    const known = this.#known.get(onionAddress);
    if (!known) return;
    const uploads = { ...known.uploads, [outcome]: known.uploads[outcome] + 1 };
    const isNow = known.publishedAt === null && isUploaded(uploads);
    const publishedAt = isNow ? this.#options.now() : known.publishedAt;
    this.#change(onionAddress, { uploads, publishedAt });
    if (isNow && publishedAt !== null) this.#options.onPublished(onionAddress, publishedAt);
  }

  probed(onionAddress: string, at: number, { ok, steps }: ProbeOutcome): void {
    const known = this.#known.get(onionAddress);
    if (!known) return;
    const ms = totalMs(steps);
    const failed = steps.find((step) => !step.ok);
    const lastFailure = {
      code: failed?.code ?? 'PROBE_FAILED',
      detail: failed?.reason ?? 'The visit did not arrive.',
    };
    const seen = ok
      ? { hasBeenReached: true, failuresInRow: 0, lastFailure: undefined }
      : { failuresInRow: known.failuresInRow + 1, lastFailure };
    this.#change(onionAddress, { ...seen, lastProbe: { at, ok, ms } });
  }

  #unseen(tunnel: string, isRetiring: boolean): Observation {
    const known = {
      tunnel,
      isRetiring,
      absence: pending,
      uploads: noUploads,
      publishedAt: null,
      hasBeenReached: false,
      failuresInRow: 0,
      lastProbe: undefined,
      lastFailure: undefined,
    };
    return { ...known, ...stateOf(known, this.#isConnected), since: this.#options.now() };
  }

  #change(onionAddress: string, change: Partial<Observation>): void {
    const before = this.#known.get(onionAddress);
    if (!before) return;
    const known = { ...before, ...change };
    const { state, reason } = stateOf(known, this.#isConnected);
    const since = state === before.state ? before.since : this.#options.now();
    this.#known.set(onionAddress, { ...known, state, reason, since });
    const kind = eventOf(before.state, state, reason);
    const detail = reason === undefined ? {} : { detail: `${reason.code}: ${reason.detail}` };
    if (kind) this.#options.onEvent({ kind, tunnel: before.tunnel, onionAddress, ...detail });
  }
}

export function totalMs(steps: ProbeOutcome['steps']): number {
  return steps.reduce((sum, { ms }) => sum + ms, 0);
}

/** That the control connection is down says nothing of the service, so it is no event of it. */
function eventOf(
  before: TunnelState,
  after: TunnelState,
  reason: Reason | undefined,
): NewTunnelEvent['kind'] | undefined {
  if (before === after) return undefined;
  if (after === 'degraded') return 'tunnel.degraded';
  if (after === 'reachable') return 'tunnel.reachable';
  if (after === 'published') return before === 'publishing' ? 'tunnel.published' : undefined;
  if (after === 'absent' && reason !== torAway && reason !== pending) return 'tunnel.withdrawn';
  return undefined;
}
