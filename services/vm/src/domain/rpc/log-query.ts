/** Log filters: parsing, the search over the index or the blooms, and hard limits on what it may cost. */

import { equalBytes, toQuantity } from '../bytes.ts';
import type { ChainReader, LogCriteria, StoredBlock } from '../chain/block.ts';
import { bloomMayHold } from '../chain/bloom.ts';
import type { Log } from '../chain/receipt.ts';
import { findBlockNumber, getBlock } from './block-source.ts';
import { receiptsOf } from './chain-methods.ts';
import { type PlacedLog, placeLogs } from './format.ts';
import { type BlockRef, optional, parseAddress, parseBlockRef, parseFixed, parseList, parseObject } from './params.ts';
import { invalidParams, RpcError } from './rpc-error.ts';

export type LogFilter = {
  readonly criteria: LogCriteria;
  readonly range:
    | { readonly kind: 'block'; readonly hash: Uint8Array }
    | { readonly kind: 'span'; readonly from: BlockRef; readonly to: BlockRef };
};

export type LogLimits = {
  /** Logs one answer may hold. */
  readonly resultsMax: number;
  /** Blocks a search may visit where the index is of no use. */
  readonly blocksMax: number;
};

const ALTERNATIVES_MAX = 1000;
const INDEX_KEYS_MAX = 100_000;

/** The filter object of `eth_getLogs`. @throws RpcError -32602 */
export function parseLogFilter(value: unknown): LogFilter {
  const { address, topics, blockHash, fromBlock, toBlock } = parseObject(value, 'filter');
  const addresses = optional(address, (one) =>
    Array.isArray(one) ? parseList(one, 'address', ALTERNATIVES_MAX) : [one],
  );
  const criteria: LogCriteria = {
    addresses: (addresses ?? []).map((one) => parseAddress(one, 'address')),
    topics: (optional(topics, (list) => parseList(list, 'topics', 4)) ?? []).map(parseTopic),
  };
  if (blockHash === undefined) {
    return { criteria, range: { kind: 'span', from: parseBlockRef(fromBlock), to: parseBlockRef(toBlock) } };
  }
  if (fromBlock !== undefined || toBlock !== undefined) {
    throw invalidParams('cannot specify both blockHash and fromBlock/toBlock');
  }
  return { criteria, range: { kind: 'block', hash: parseFixed(blockHash, 'blockHash', 32) } };
}

function parseTopic(value: unknown): Uint8Array[] {
  if (value === null || value === undefined) return [];
  const alternatives = Array.isArray(value) ? parseList(value, 'topics', ALTERNATIVES_MAX) : [value];
  return alternatives.map((topic) => parseFixed(topic, 'topics', 32));
}

function matches(log: Log, { addresses, topics }: LogCriteria): boolean {
  if (addresses.length > 0 && !addresses.some((address) => equalBytes(address, log.address))) return false;
  if (topics.length > log.topics.length) return false;
  return topics.every(
    (wanted, at) => wanted.length === 0 || wanted.some((topic) => equalBytes(topic, log.topics[at]!)),
  );
}

function mayMatch(bloom: Uint8Array, { addresses, topics }: LogCriteria): boolean {
  return [addresses, ...topics].every(
    (wanted) => wanted.length === 0 || wanted.some((item) => bloomMayHold(bloom, item)),
  );
}

/**
 * The logs a filter asks for, in chain order.
 * @throws RpcError -32005 where the limits are met, with a range that fits; -32000 for an unknown block.
 */
export async function findLogs(reader: ChainReader, filter: LogFilter, limits: LogLimits): Promise<PlacedLog[]> {
  const { criteria, range } = filter;
  if (range.kind === 'block') {
    const block = getBlock(reader, { kind: 'hash', hash: range.hash });
    return logsOf(reader, block, criteria);
  }
  const head = reader.headNumber();
  const from = spanEnd(reader, range.from);
  const to = Math.min(spanEnd(reader, range.to), head);
  return from > to && from <= head ? refuseRange() : findSpan(reader, criteria, { from, to }, limits);
}

function refuseRange(): never {
  throw invalidParams('invalid block range: fromBlock is after toBlock');
}

function spanEnd(reader: ChainReader, ref: BlockRef): number {
  if (ref.kind === 'number') return ref.number;
  const blockNumber = findBlockNumber(reader, ref);
  if (blockNumber === undefined) throw new RpcError(-32000, 'unknown block');
  return blockNumber;
}

/** The logs of the blocks from..to, both ends included. @throws RpcError -32005 */
export async function findSpan(
  reader: ChainReader,
  criteria: LogCriteria,
  { from, to }: { from: number; to: number },
  limits: LogLimits,
): Promise<PlacedLog[]> {
  const indexed = await reader.listLogBlocks(criteria, from, to, INDEX_KEYS_MAX);
  if (indexed === undefined && to - from >= limits.blocksMax) {
    throw tooMuch(
      `more than ${limits.blocksMax} blocks without an address or topic`,
      from,
      from + limits.blocksMax - 1,
    );
  }
  const found: PlacedLog[] = [];
  for (const blockNumber of indexed ?? countUp(from, to)) {
    const block = getBlock(reader, { kind: 'number', number: blockNumber });
    if (indexed === undefined && !mayMatch(block.header.logsBloom, criteria)) continue;
    found.push(...logsOf(reader, block, criteria));
    if (found.length > limits.resultsMax) {
      throw tooMuch(`more than ${limits.resultsMax} results`, from, Math.max(from, blockNumber - 1));
    }
  }
  return found;
}

function logsOf(reader: ChainReader, block: StoredBlock, criteria: LogCriteria): PlacedLog[] {
  return placeLogs(block, receiptsOf(reader, block)).filter(({ log }) => matches(log, criteria));
}

function tooMuch(what: string, from: number, to: number): RpcError {
  const hint = `Try with this block range [${toQuantity(from)}, ${toQuantity(to)}].`;
  return new RpcError(-32005, `query returned ${what}. ${hint}`);
}

function* countUp(from: number, to: number): Generator<number> {
  for (let at = from; at <= to; at++) yield at;
}
