import type { Anchor, AnchorContent, AnchorStatus } from '@lucid/common/apis/blockchain';
import { formatTime } from '@lucid/common/runtime/clock';
import { blockchainError } from '../errors.ts';

/** A session's registration as the queue keeps it. Times are milliseconds since 1970. */
export interface AnchorRecord {
  readonly sessionId: string;
  /** 32 bytes each, lower-case hex without 0x. */
  readonly manifestHash: string;
  readonly merkleRoot: string;
  /** 0x and lower-case hex. */
  readonly owner: string;
  readonly startedAt: number;
  readonly chunkCount: number;
  readonly status: AnchorStatus;
  /** Position in the order of arrival, from 0. */
  readonly sequence: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Transactions signed for it. */
  readonly attempts: number;
  /** While submitted: the transaction that was signed, which is the only one ever sent under this nonce. */
  readonly signed?: SignedRegistration;
  readonly transactionHash?: string;
  readonly blockNumber?: number;
  readonly blockHash?: string;
  readonly reason?: string;
}

export type RegistrationContent = Pick<
  AnchorRecord,
  'sessionId' | 'manifestHash' | 'merkleRoot' | 'owner' | 'startedAt' | 'chunkCount'
>;

export interface SignedRegistration {
  readonly nonce: number;
  /** 0x and hex. */
  readonly rawTransaction: string;
  readonly transactionHash: string;
}

/** Where on the chain a registration is. */
export interface Placement {
  readonly transactionHash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
}

/** The end of a submission: in a block, refused by the contract for good, or to be signed anew. */
export type Settlement =
  | { readonly kind: 'confirmed'; readonly placement: Placement }
  | { readonly kind: 'failed'; readonly reason: string; readonly transactionHash?: string }
  | { readonly kind: 'requeued' };

/**
 * The queue's memory. Every write is durable when it resolves, and applied whole. One process has it open.
 */
export interface AnchorStore {
  /**
   * Queues an anchor, unless the session has one: then it answers that one, queued again if it had failed.
   * @throws ANCHOR_CONFLICT when the session's anchor has other content, ANCHOR_QUEUE_FULL
   */
  create(content: RegistrationContent): Promise<{ readonly record: AnchorRecord; readonly isNew: boolean }>;
  find(sessionId: string): AnchorRecord | undefined;
  /** Newest first, of one status or all, those with a sequence below `before`. */
  list(options: { status?: AnchorStatus; before?: number; limit: number }): Promise<readonly AnchorRecord[]>;
  /** The oldest queued ones. */
  listQueued(limit: number): Promise<readonly AnchorRecord[]>;
  /** All that are submitted, by nonce. */
  listSubmitted(): Promise<readonly AnchorRecord[]>;
  /** Keeps signed transactions, before they are sent. Answers the records as they now are. */
  markSubmitted(signed: ReadonlyMap<string, SignedRegistration>): Promise<readonly AnchorRecord[]>;
  settle(settlements: ReadonlyMap<string, Settlement>): Promise<void>;
  /** The chain the queue's transactions are for: taken from the first call, afterwards as it was then. */
  bindChain(chain: ChainIdentity): Promise<ChainIdentity>;
  readonly waitingCount: number;
}

export interface ChainIdentity {
  readonly chainId: number;
  readonly genesisHash: string;
}

/**
 * An anchor's content in its one spelling, so that equal content compares equal.
 * @throws ANCHOR_INVALID for what the contract refuses whatever the chain's state (`LucidAnchors._register`)
 */
export function normalizeContent(content: AnchorContent): RegistrationContent {
  const startedAt = Date.parse(content.startedAt);
  const isZero = (hex: string) => /^(0x)?0*$/.test(hex);
  const fault = isZero(content.manifestHash)
    ? 'manifestHash is zero'
    : isZero(content.merkleRoot)
      ? 'merkleRoot is zero'
      : isZero(content.owner)
        ? 'owner is the zero address'
        : !(startedAt > 0)
          ? 'startedAt is no time after 1970'
          : undefined;
  if (fault) throw blockchainError('ANCHOR_INVALID', `The contract would refuse this: ${fault}.`);
  const { sessionId, manifestHash, merkleRoot, owner, chunkCount } = content;
  return { sessionId, manifestHash, merkleRoot, owner: owner.toLowerCase(), startedAt, chunkCount };
}

export function isSameContent(a: RegistrationContent, b: RegistrationContent): boolean {
  return (
    a.sessionId === b.sessionId &&
    a.manifestHash === b.manifestHash &&
    a.merkleRoot === b.merkleRoot &&
    a.owner === b.owner &&
    a.startedAt === b.startedAt &&
    a.chunkCount === b.chunkCount
  );
}

/** The record after its transaction was signed. */
export function submitted(record: AnchorRecord, signed: SignedRegistration, now: number): AnchorRecord {
  return {
    ...bare(record),
    status: 'submitted',
    updatedAt: now,
    attempts: record.attempts + 1,
    signed,
    transactionHash: signed.transactionHash,
  };
}

/** The record after its submission ended. */
export function settled(record: AnchorRecord, settlement: Settlement, now: number): AnchorRecord {
  const base = { ...bare(record), updatedAt: now };
  switch (settlement.kind) {
    case 'confirmed':
      return { ...base, status: 'confirmed', ...settlement.placement };
    case 'failed': {
      const { reason, transactionHash } = settlement;
      return { ...base, status: 'failed', reason, ...(transactionHash === undefined ? {} : { transactionHash }) };
    }
    case 'requeued':
      return { ...base, status: 'queued' };
  }
}

/** The record without what its last status added. */
function bare(record: AnchorRecord): AnchorRecord {
  const { signed: _s, transactionHash: _t, blockNumber: _n, blockHash: _b, reason: _r, ...rest } = record;
  return rest;
}

/** What the API shows of a record. */
export function toAnchor(record: AnchorRecord): Anchor {
  const { signed: _signed, sequence: _sequence, startedAt, createdAt, updatedAt, ...rest } = record;
  return {
    ...rest,
    startedAt: formatTime(startedAt),
    createdAt: formatTime(createdAt),
    updatedAt: formatTime(updatedAt),
  };
}
