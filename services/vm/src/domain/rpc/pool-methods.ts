/** Sending transactions, and what is known of them before their block is durable. */
import type { Common } from '@ethereumjs/common';
import { toHex, toQuantity } from '../bytes.ts';
import type { ChainReader } from '../chain/block.ts';
import type { Chain } from '../chain/chain.ts';
import type { SignedTransaction } from '../chain/transaction.ts';
import type { Mempool } from '../pool/mempool.ts';
import type { JournaledState } from '../state/journaled-state.ts';
import { getBlock } from './block-source.ts';
import { receiptsOf } from './chain-methods.ts';
import { formatPlaced, formatTransaction } from './format.ts';
import type { RpcMethods } from './methods.ts';
import { parseAddress, parseBlockRef, parseData, parseFixed } from './params.ts';
import { RpcError } from './rpc-error.ts';

export type PoolParts = {
  readonly rules: Common;
  readonly reader: ChainReader;
  readonly chain: Chain;
  readonly pool: Mempool;
  /** Resolves once a transaction of the pool would be found after a restart. */
  readonly keep: (transaction: SignedTransaction) => Promise<void>;
  /** Opens a state at a root for reading. */
  readonly stateAt: (root: Uint8Array) => JournaledState;
};

/** Methods that see the mempool. */
export function poolMethods({ rules, reader, chain, pool, keep, stateAt }: PoolParts): RpcMethods {
  return {
    eth_sendRawTransaction: async ([raw]) => {
      const transaction = chain.submit(parseData(raw, 'transaction'));
      await keep(transaction).catch(() => {
        throw new RpcError(-32000, 'the transaction could not be written to the disk, and is not acknowledged');
      });
      return toHex(transaction.hash);
    },
    eth_getTransactionByHash: ([hash]) => {
      const wanted = parseFixed(hash, 'transactionHash', 32);
      const place = reader.findTransaction(wanted);
      if (place !== undefined) {
        const block = getBlock(reader, { kind: 'number', number: place.blockNumber });
        return formatPlaced(rules, block, receiptsOf(reader, block), place.index);
      }
      const waiting = pool.find(wanted) ?? chain.findUnsynced(wanted);
      return waiting === undefined ? null : formatTransaction(waiting.tx, waiting.sender, null);
    },
    eth_getTransactionCount: ([address, ref]) => {
      const account = parseAddress(address, 'address');
      const block = parseBlockRef(ref);
      if (block.kind === 'pending') return toQuantity(chain.pendingNonce(account));
      const { stateRoot } = getBlock(reader, block).header;
      return toQuantity(stateAt(stateRoot).findAccount(account)?.nonce ?? 0n);
    },
    txpool_status: () => ({ pending: toQuantity(pool.readyCount), queued: toQuantity(pool.count - pool.readyCount) }),
  };
}
