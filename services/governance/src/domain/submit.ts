import { contractAddresses } from '@lucid/contracts/addresses';
import { governanceError } from '../errors.ts';
import type { ChainReceipt } from './chain.ts';
import type { Governance } from './governance.ts';
import { awaitReceipt } from './receipt.ts';
import type { GovernorTransaction } from './signed-transaction.ts';

/** Whether the transaction is in a block already: then it was handed in before, and is only to be answered again. */
export async function isIncluded({ chain }: Governance, transaction: GovernorTransaction): Promise<boolean> {
  return (await chain.findReceipt(transaction.hash)) !== undefined;
}

/**
 * Sends a transaction somebody else signed and waits until the index has its block. Sending it again is harmless.
 * @throws GOVERNANCE_TRANSACTION_REFUSED, GOVERNANCE_TRANSACTION_PENDING
 */
export async function submit(governance: Governance, transaction: GovernorTransaction): Promise<void> {
  const { chain, indexer, receiptTimeoutMs } = governance;
  const receipt = (await chain.findReceipt(transaction.hash)) ?? (await sendAndWait(governance, transaction));
  if (receipt === undefined) {
    const detail = `${transaction.hash} is in no block after ${receiptTimeoutMs} ms.`;
    throw governanceError('GOVERNANCE_TRANSACTION_PENDING', detail, { retryAfterSec: 1 });
  }
  await indexer.sync();
  if (receipt.isSuccess) return;
  const call = { from: transaction.from, to: contractAddresses.LucidGovernor, data: transaction.data };
  throw refused(transaction, (await chain.findRefusal(call)) ?? 'The transaction reverted.');
}

async function sendAndWait(
  governance: Governance,
  transaction: GovernorTransaction,
): Promise<ChainReceipt | undefined> {
  const { chain, clock, receiptTimeoutMs: timeoutMs } = governance;
  const outcome = await chain.sendTransaction(transaction.rawTransaction);
  if (outcome.kind === 'refused') throw refused(transaction, outcome.reason);
  if (outcome.kind === 'sent') return await awaitReceipt({ chain, clock, timeoutMs }, transaction.hash);
  const receipt = await chain.findReceipt(transaction.hash);
  if (receipt === undefined) throw refused(transaction, 'Another transaction of the sender has its nonce.');
  return receipt;
}

function refused({ hash }: GovernorTransaction, revert: string) {
  return governanceError('GOVERNANCE_TRANSACTION_REFUSED', revert, { data: { revert, transactionHash: hash } });
}
