/** Finds the block a caller means. */

import type { ChainReader, StoredBlock } from '../chain/block.ts';
import type { BlockRef } from './params.ts';
import { RpcError } from './rpc-error.ts';

/** The number of the block, or undefined where there is none. `pending` is the head: it shows what is durable. */
export function findBlockNumber(reader: ChainReader, ref: BlockRef): number | undefined {
  const head = reader.headNumber();
  if (ref.kind === 'head' || ref.kind === 'pending') return head;
  const blockNumber = ref.kind === 'number' ? ref.number : reader.findBlockNumber(ref.hash);
  return blockNumber !== undefined && blockNumber <= head ? blockNumber : undefined;
}

/** The block, or undefined. */
export function findBlock(reader: ChainReader, ref: BlockRef): StoredBlock | undefined {
  const blockNumber = findBlockNumber(reader, ref);
  return blockNumber === undefined ? undefined : reader.findBlock(blockNumber);
}

/** The block. @throws RpcError -32000 "header not found" */
export function getBlock(reader: ChainReader, ref: BlockRef): StoredBlock {
  const block = findBlock(reader, ref);
  if (block === undefined) throw new RpcError(-32000, 'header not found');
  return block;
}
