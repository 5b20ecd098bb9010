/** One step of a visit: descriptor, connection, request. */
export interface ProbeStep {
  readonly name: string;
  readonly ms: number;
  readonly ok: boolean;
  readonly code?: string;
  readonly reason?: string;
}

/** What a visit found. */
export interface ProbeOutcome {
  readonly ok: boolean;
  readonly steps: readonly ProbeStep[];
}

/** A visit that is kept. */
export interface Probe extends ProbeOutcome {
  readonly probeId: number;
  readonly onionAddress: string;
  readonly at: number;
  readonly trigger: 'request' | 'schedule';
}

/** Where to and as whom. */
export interface Visit {
  readonly onionAddress: string;
  readonly virtualPort: number;
  /** 32 bytes; absent where everybody is let in. */
  readonly clientKey?: Uint8Array;
}

/**
 * Visits an onion service through the Tor network, as a stranger does. What it finds is in the outcome.
 * @throws the signal's reason once it is aborted: then nothing was found
 */
export type VisitOnion = (visit: Visit, signal?: AbortSignal) => Promise<ProbeOutcome>;
