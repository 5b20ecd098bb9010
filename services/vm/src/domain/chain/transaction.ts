/** Raw transactions: decoding what the outside sends, and what readers need of a stored one. */
import type { Common } from '@ethereumjs/common';
import { Capability, createTxFromRLP, isBlob4844Tx, isLegacyTx, type TypedTransaction } from '@ethereumjs/tx';
import { RpcError } from '../rpc/rpc-error.ts';
import { TRANSACTION_BYTES_MAX } from './rules.ts';

/** A decoded, signed transaction whose sender is known. */
export type SignedTransaction = {
  readonly tx: TypedTransaction;
  readonly raw: Uint8Array;
  readonly hash: Uint8Array;
  readonly sender: Uint8Array;
};

/** What one gas may cost at most, wei. */
export function feeCapOf(tx: TypedTransaction): bigint {
  return 'maxFeePerGas' in tx ? tx.maxFeePerGas : tx.gasPrice;
}

/** What of that may go to the block's producer, wei for each gas. */
export function tipCapOf(tx: TypedTransaction): bigint {
  return 'maxPriorityFeePerGas' in tx ? tx.maxPriorityFeePerGas : tx.gasPrice;
}

/** Decodes a transaction this chain stored itself. */
export function decodeStored(rules: Common, raw: Uint8Array): TypedTransaction {
  return createTxFromRLP(raw, { common: rules });
}

/**
 * Decodes and checks a raw transaction from outside: form, type, chain, signature; not the sender's account.
 * @throws RpcError -32000 in the words clients know from the public implementations.
 */
export function decodeSubmitted(rules: Common, raw: Uint8Array): SignedTransaction {
  if (raw.length > TRANSACTION_BYTES_MAX) {
    throw new RpcError(-32000, `oversized data: transaction size ${raw.length}, limit ${TRANSACTION_BYTES_MAX}`);
  }
  if (raw[0] === 3) throw new RpcError(-32000, 'transaction type not supported');
  let tx: TypedTransaction;
  try {
    tx = createTxFromRLP(raw, { common: rules });
  } catch (error) {
    throw new RpcError(-32000, decodeMessage(raw, error));
  }
  if (isBlob4844Tx(tx)) throw new RpcError(-32000, 'transaction type not supported');
  if (isLegacyTx(tx) && !tx.supports(Capability.EIP155ReplayProtection)) {
    throw new RpcError(-32000, 'only replay-protected (EIP-155) transactions allowed over RPC');
  }
  try {
    return { tx, raw, hash: tx.hash(), sender: tx.getSenderAddress().bytes };
  } catch {
    throw new RpcError(-32000, 'invalid sender');
  }
}

function decodeMessage(raw: Uint8Array, error: unknown): string {
  const reason = error instanceof Error ? error.message : 'malformed';
  if (/chain ID/i.test(reason)) return 'invalid chain id for signer';
  if (/EIP-7825/.test(reason)) return 'transaction gas limit too high (cap: 16777216)';
  if (/initcode size/i.test(reason)) return 'max initcode size exceeded';
  if (/maxFeePerGas cannot be less/.test(reason)) {
    return 'max priority fee per gas higher than max fee per gas';
  }
  if (/signature|yParity|s-values/i.test(reason)) return 'invalid sender';
  if (raw.length > 0 && raw[0]! < 0x80 && raw[0]! > 4) return 'transaction type not supported';
  return `invalid transaction: ${reason.replace(/ \(tx type.*$/s, '').slice(0, 200)}`;
}
