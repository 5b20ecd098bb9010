import { contractAddresses } from '@lucid/contracts/addresses';
import { contractInterfaces } from '@lucid/contracts/interfaces';
import { Transaction } from 'ethers';
import { governanceError } from '../errors.ts';

/** A call of the governor that somebody signed. */
export interface GovernorTransaction {
  readonly hash: string;
  readonly from: string;
  /** The function's name; overloads share it. */
  readonly method: string;
  readonly args: readonly unknown[];
  readonly data: string;
  readonly rawTransaction: string;
}

/**
 * Reads a signed transaction that must call one of the governor's `methods` on this chain.
 * @throws GOVERNANCE_TRANSACTION_INVALID saying what it is instead
 */
export function parseGovernorTransaction(
  rawTransaction: string,
  expected: { readonly chainId: number; readonly methods: readonly string[] },
): GovernorTransaction {
  const transaction = parseTransaction(rawTransaction);
  const { chainId, data, from, hash, to } = transaction;
  if (from === null || hash === null) throw invalid('The transaction is not signed.');
  if (chainId !== BigInt(expected.chainId)) throw invalid(`It is for chain ${chainId}, not ${expected.chainId}.`);
  if (to !== contractAddresses.LucidGovernor) throw invalid(`It goes to ${to ?? 'no contract'}, not the governor.`);
  const call = parseCall(data);
  if (!expected.methods.includes(call.method)) throw invalid(`It calls ${call.method}, not ${expected.methods[0]}.`);
  return { hash, from, data, rawTransaction, ...call };
}

function parseTransaction(rawTransaction: string): Transaction {
  try {
    return Transaction.from(rawTransaction);
  } catch (cause) {
    throw governanceError('GOVERNANCE_TRANSACTION_INVALID', 'These bytes are no transaction.', { cause });
  }
}

function parseCall(data: string): { method: string; args: unknown[] } {
  try {
    const call = contractInterfaces.LucidGovernor.parseTransaction({ data });
    if (call !== null) return { method: call.name, args: call.args.toArray(true) };
  } catch (cause) {
    throw governanceError('GOVERNANCE_TRANSACTION_INVALID', "Its arguments are not the function's.", { cause });
  }
  throw invalid('It calls none of the functions of the governor.');
}

function invalid(detail: string) {
  return governanceError('GOVERNANCE_TRANSACTION_INVALID', detail);
}
