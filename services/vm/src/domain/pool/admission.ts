/** What a transaction must meet to enter the pool, in the words of the public clients (their users match on them). */
import { getMinimumGasLimit } from '@ethereumjs/tx';
import { equalBytes, toHex } from '../bytes.ts';
import { feeCapOf, type SignedTransaction } from '../chain/transaction.ts';
import { EMPTY_CODE_HASH } from '../crypto.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import type { JournaledState } from '../state/journaled-state.ts';

const MAX_NONCE = 2n ** 64n - 2n;
const DELEGATION_PREFIX = Uint8Array.of(0xef, 0x01, 0x00);

/**
 * Checks a transaction against the state the next block starts from. Answers the sender's nonce there.
 * @throws RpcError -32000
 */
export function admit(transaction: SignedTransaction, state: JournaledState, blockGasLimit: bigint): bigint {
  const { tx, sender } = transaction;
  if (tx.gasLimit > blockGasLimit) throw new RpcError(-32000, 'exceeds block gas limit');
  const least = getMinimumGasLimit(tx);
  if (tx.gasLimit < least) {
    throw new RpcError(-32000, `intrinsic gas too low: gas ${tx.gasLimit}, minimum needed ${least}`);
  }
  const account = state.findAccount(sender);
  const nonce = account?.nonce ?? 0n;
  if (tx.nonce < nonce) {
    throw new RpcError(-32000, `nonce too low: address ${toHex(sender)}, next nonce ${nonce}, tx nonce ${tx.nonce}`);
  }
  if (tx.nonce > MAX_NONCE) throw new RpcError(-32000, 'nonce has max value');
  if (account !== undefined && !equalBytes(account.codeHash, EMPTY_CODE_HASH)) {
    const isDelegated = equalBytes(state.readCode(sender).subarray(0, 3), DELEGATION_PREFIX);
    if (!isDelegated) throw new RpcError(-32000, `sender not an eoa: address ${toHex(sender)}`);
  }
  const cost = tx.value + tx.gasLimit * feeCapOf(tx);
  const balance = account?.balance ?? 0n;
  if (balance < cost) {
    throw new RpcError(
      -32000,
      `insufficient funds for gas * price + value: balance ${balance}, tx cost ${cost}, overshot ${cost - balance}`,
    );
  }
  return nonce;
}
