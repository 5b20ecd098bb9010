/** Fees. Members pay none: the base fee is zero, gas is metered and bounded. */
import { toQuantity } from '../bytes.ts';
import type { ChainReader, StoredBlock } from '../chain/block.ts';
import { getBlock } from './block-source.ts';
import { receiptsOf } from './chain-methods.ts';
import type { RpcMethods } from './methods.ts';
import { optional, parseBlockRef, parseInteger, parseList } from './params.ts';
import { invalidParams } from './rpc-error.ts';

/** Blocks one history may cover; more are cut, as the specification allows. */
const HISTORY_BLOCKS_MAX = 1024;
const PERCENTILES_MAX = 100;

/** Methods clients ask before they price a transaction. */
export function feeMethods(reader: ChainReader): RpcMethods {
  return {
    eth_gasPrice: () => '0x0',
    eth_maxPriorityFeePerGas: () => '0x0',
    eth_blobBaseFee: () => '0x1',
    eth_feeHistory: ([count, newest, percentiles]) => {
      const wanted = Math.min(parseCount(count), HISTORY_BLOCKS_MAX);
      const last = Number(getBlock(reader, parseBlockRef(newest)).header.number);
      const first = Math.max(0, last - wanted + 1);
      const ranks = optional(percentiles, parsePercentiles) ?? [];
      const blocks = Array.from({ length: last - first + 1 }, (_, offset) =>
        getBlock(reader, { kind: 'number', number: first + offset }),
      );
      return {
        oldestBlock: toQuantity(first),
        baseFeePerGas: [...blocks, null].map(() => '0x0'),
        gasUsedRatio: blocks.map(({ header }) => Number(header.gasUsed) / Number(header.gasLimit)),
        baseFeePerBlobGas: [...blocks, null].map(() => '0x1'),
        blobGasUsedRatio: blocks.map(() => 0),
        ...(ranks.length === 0 ? {} : { reward: blocks.map((block) => rewards(reader, block, ranks)) }),
      };
    },
  };
}

function parseCount(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : parseInteger(value, 'blockCount');
}

function parsePercentiles(value: unknown): number[] {
  const ranks = parseList(value, 'rewardPercentiles', PERCENTILES_MAX);
  return ranks.map((rank, index) => {
    const before = index === 0 ? 0 : ranks[index - 1];
    if (typeof rank !== 'number' || typeof before !== 'number' || rank < before || rank > 100) {
      throw invalidParams('invalid reward percentile');
    }
    return rank;
  });
}

/** The tips paid at given percentiles of a block's gas. */
function rewards(reader: ChainReader, block: StoredBlock, ranks: readonly number[]): string[] {
  const paid = receiptsOf(reader, block)
    .map(({ effectiveGasPrice, gasUsed }) => ({ effectiveGasPrice, gasUsed }))
    .toSorted((a, b) => (a.effectiveGasPrice < b.effectiveGasPrice ? -1 : 1));
  return ranks.map((rank) => {
    const threshold = (Number(block.header.gasUsed) * rank) / 100;
    let sum = 0;
    for (const { effectiveGasPrice, gasUsed } of paid) {
      sum += Number(gasUsed);
      if (sum >= threshold) return toQuantity(effectiveGasPrice);
    }
    return '0x0';
  });
}
