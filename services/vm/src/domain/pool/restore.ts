/** Fills the pool again after a restart. */
import type { Common } from '@ethereumjs/common';
import type { Chain } from '../chain/chain.ts';
import { decodeSubmitted, type SignedTransaction } from '../chain/transaction.ts';
import { keccak256 } from '../crypto.ts';

/**
 * Gives the chain transactions that were acknowledged before, lower nonces first so that none seems to come too early.
 * What it does not take may wait for another of them (the payment it spends was in a block that is lost), so it is tried
 * again after their blocks, while the chain takes some. The hashes of the rest (in a block by now, or no longer able) are
 * handed to `onRefused`; a chain that closes meanwhile keeps them. The first round is over when the promise is returned.
 */
export async function restorePool(
  chain: Chain,
  rules: Common,
  raws: readonly Uint8Array[],
  onRefused: (hash: Uint8Array) => void,
): Promise<void> {
  let waiting = raws
    .flatMap((raw) => decode(rules, raw, onRefused))
    .toSorted((a, b) => (a.tx.nonce < b.tx.nonce ? -1 : 1));
  while (chain.isOpen) {
    const refused = waiting.filter((transaction) => !isTaken(chain, transaction));
    if (refused.length === 0) return;
    if (refused.length === waiting.length) {
      for (const { hash } of refused) onRefused(hash);
      return;
    }
    waiting = refused;
    await chain.idle();
  }
}

/** A transaction, unless the rules no longer allow its form. */
function decode(rules: Common, raw: Uint8Array, onRefused: (hash: Uint8Array) => void): SignedTransaction[] {
  try {
    return [decodeSubmitted(rules, raw)];
  } catch {
    onRefused(keccak256(raw));
    return [];
  }
}

function isTaken(chain: Chain, transaction: SignedTransaction): boolean {
  try {
    chain.accept(transaction);
    return true;
  } catch {
    return false;
  }
}
