import type { ChainIdentity, Placement, RegistrationContent } from './anchor.ts';

/** What the chain says to a signed transaction. */
export type SubmitOutcome =
  /** In its pool, now or before. */
  | { readonly kind: 'accepted' }
  /** A block has a transaction with this nonce: this one or another. */
  | { readonly kind: 'nonce-used' }
  | { readonly kind: 'refused'; readonly reason: string };

export interface RegistrationReceipt {
  readonly placement: Placement;
  readonly isReverted: boolean;
}

/** A session as the contract has it, with the transaction that registered it. */
export interface Registration {
  readonly content: RegistrationContent;
  readonly placement: Placement;
}

/**
 * The chain as the anchor queue needs it. A receipt is final: one sequencer makes the blocks, and shows them once they
 * are on its disk. Every method throws DEPENDENCY_UNAVAILABLE while the chain does not answer.
 */
export interface AnchorChain {
  identify(signal: AbortSignal): Promise<ChainIdentity>;
  /** How many transactions of the account are in blocks. */
  countTransactions(address: string, signal: AbortSignal): Promise<number>;
  /** Sends in the given order; one outcome each. */
  submit(rawTransactions: readonly string[], signal: AbortSignal): Promise<readonly SubmitOutcome[]>;
  findReceipts(hashes: readonly string[], signal: AbortSignal): Promise<readonly (RegistrationReceipt | undefined)[]>;
  findRegistration(sessionId: string, signal: AbortSignal): Promise<Registration | undefined>;
  /** Why registering the content from `sender` reverts, in words. */
  explainRevert(content: RegistrationContent, sender: string, signal: AbortSignal): Promise<string>;
}
