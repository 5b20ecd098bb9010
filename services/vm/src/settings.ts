/** What a thread of the chain is started with: plain data, since it crosses to the thread as a copy. */
import type { MempoolLimits } from './domain/pool/mempool.ts';
import type { FilterLimits } from './domain/rpc/filters.ts';

export type ChainSettings = {
  readonly version: string;
  /** The LevelDB folder. */
  readonly folder: string;
  /** The text of the genesis file. */
  readonly genesisText: string;
  readonly blockGasLimit: number;
  readonly blockIntervalMs: number;
  readonly blockRunMs: number;
  readonly callGasMax: number;
  readonly pool: MempoolLimits;
  /** Whether an acknowledged transaction is on the disk. */
  readonly poolSync: boolean;
  readonly filters: FilterLimits;
  readonly nodeCacheBytes: number;
  readonly blockCacheBytes: number;
  readonly ledgerUrl: string;
  /** PKCS#8 PEM: signs the tokens the outbox shows the ledger. */
  readonly serviceKeyPem: string;
};

/** `chain` writes blocks and answers reads; `calls` executes calls and estimates and may be ended at any time. */
export type ThreadRole = 'chain' | 'calls';
export type ThreadStart = { readonly role: ThreadRole; readonly settings: ChainSettings; readonly now: number };

/** Asks a thread to run a method. `now` is the service's clock: a block's time is that of its last request. */
export type ThreadRequest =
  | {
      readonly kind: 'request';
      readonly id: number;
      readonly method: string;
      readonly params: readonly unknown[];
      readonly now: number;
    }
  | { readonly kind: 'close' };

/** `result` is JSON text: it crosses threads once and goes into the answer as it is. */
export type ThreadMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly code: string; readonly detail: string }
  | { readonly kind: 'result'; readonly id: number; readonly result: string }
  | {
      readonly kind: 'error';
      readonly id: number;
      readonly code: number;
      readonly message: string;
      readonly data?: unknown;
    }
  | { readonly kind: 'fault'; readonly detail: string };
