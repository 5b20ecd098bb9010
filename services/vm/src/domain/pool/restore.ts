/** Fills the pool again after a restart. */
import type { Common } from '@ethereumjs/common';
import type { Chain } from '../chain/chain.ts';
import { decodeSubmitted, type SignedTransaction } from '../chain/transaction.ts';

/**
 * Gives the chain transactions that were acknowledged before, lower nonces first so that none seems to come too early.
 * Those it does not take (in a block by now, or no longer able) are handed to `onRefused`.
 */
export function restorePool(
  chain: Chain,
  rules: Common,
  raws: readonly Uint8Array[],
  onRefused: (transaction: SignedTransaction) => void,
): void {
  const transactions = raws
    .map((raw) => decodeSubmitted(rules, raw))
    .toSorted((a, b) => (a.tx.nonce < b.tx.nonce ? -1 : 1));
  for (const transaction of transactions) {
    try {
      chain.accept(transaction);
    } catch {
      onRefused(transaction);
    }
  }
}
