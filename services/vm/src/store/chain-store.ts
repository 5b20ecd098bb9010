/**
 * The chain on one LevelDB folder. A block, its state, receipts, indexes, the new head and the ledger's outbox message
 * are one synced batch: after a crash at any instant the head is a block of which everything is there.
 */
import type { BatchWriter, KeyValueStore } from '@lucid/common/storage/kv';
import { createBatch } from '@lucid/common/storage/kv';
import { parseUint64be, uint64be } from '@lucid/common/storage/prefix';
import { bigToBytes, bytesToBig, keyOf } from '../domain/bytes.ts';
import type { ChainStore, LogCriteria, SealedBlock, StoredBlock, TransactionPlace } from '../domain/chain/block.ts';
import { decodeHeader, encodeHeader } from '../domain/chain/header.ts';
import { decodeReceipts, encodeReceipts, type Receipt } from '../domain/chain/receipt.ts';
import { decodeRlp, encodeRlp, rlpBytes, rlpList } from '../domain/rlp.ts';
import type { SealedState } from '../domain/state/journaled-state.ts';
import * as keys from './keys.ts';
import { listIndexed } from './log-index.ts';
import { LruCache } from './lru.ts';

export type ChainStoreOptions = {
  /** Trie nodes and code kept in memory, bytes. */
  readonly nodeCacheBytes: number;
  /** Blocks and receipts kept in memory, bytes. */
  readonly blockCacheBytes: number;
  /** Adds to every block's batch: what must happen elsewhere because of it. */
  readonly onAppend?: (batch: BatchWriter, block: SealedBlock) => void;
};

const NOTHING = new Uint8Array(0);
/** What an entry of a cache weighs besides its bytes. */
const ENTRY_BYTES = 100;

/** Opens the chain's view of a store. The store is the caller's to close. */
export class LevelChainStore implements ChainStore {
  readonly #db: KeyValueStore;
  readonly #options: ChainStoreOptions;
  readonly #states: LruCache<Uint8Array>;
  readonly #blocks: LruCache<StoredBlock>;
  readonly #receipts: LruCache<readonly Receipt[]>;
  readonly #staged = new Map<string, Uint8Array>();

  constructor(db: KeyValueStore, options: ChainStoreOptions) {
    this.#db = db;
    this.#options = options;
    this.#states = new LruCache(options.nodeCacheBytes);
    this.#blocks = new LruCache(options.blockCacheBytes / 2);
    this.#receipts = new LruCache(options.blockCacheBytes / 2);
  }

  /** Whether a chain was created here. */
  get isEmpty(): boolean {
    return this.#db.findSync(keys.HEAD_KEY) === undefined;
  }

  headNumber(): number {
    const value = this.#db.findSync(keys.HEAD_KEY);
    if (value === undefined) throw new Error('the store holds no chain');
    return parseUint64be(value);
  }

  getNode(hash: Uint8Array): Uint8Array | undefined {
    return this.#readState(`n${keyOf(hash)}`, keys.nodes.key(hash));
  }

  getCode(codeHash: Uint8Array): Uint8Array | undefined {
    return this.#readState(`c${keyOf(codeHash)}`, keys.codes.key(codeHash));
  }

  findBlock(blockNumber: number): StoredBlock | undefined {
    const name = String(blockNumber);
    const known = this.#blocks.get(name);
    if (known !== undefined) return known;
    const bytes = this.#db.findSync(keys.blocks.key(blockNumber));
    if (bytes === undefined) return undefined;
    const [header, hash, transactions] = rlpList(decodeRlp(bytes));
    const block: StoredBlock = {
      header: decodeHeader(rlpBytes(header)),
      hash: rlpBytes(hash),
      transactions: rlpList(transactions).map(rlpBytes),
    };
    this.#blocks.set(name, block, bytes.length * 2 + ENTRY_BYTES);
    return block;
  }

  findBlockNumber(blockHash: Uint8Array): number | undefined {
    const value = this.#db.findSync(keys.blockNumbers.key(blockHash));
    return value === undefined ? undefined : parseUint64be(value);
  }

  findReceipts(blockNumber: number): readonly Receipt[] | undefined {
    const name = String(blockNumber);
    const known = this.#receipts.get(name);
    if (known !== undefined) return known;
    const bytes = this.#db.findSync(keys.receipts.key(blockNumber));
    if (bytes === undefined) return undefined;
    const receipts = decodeReceipts(bytes);
    this.#receipts.set(name, receipts, bytes.length * 2 + ENTRY_BYTES);
    return receipts;
  }

  findTransaction(transactionHash: Uint8Array): TransactionPlace | undefined {
    const value = this.#db.findSync(keys.transactions.key(transactionHash));
    if (value === undefined) return undefined;
    const [blockNumber, index] = rlpList(decodeRlp(value)).map((item) => Number(bytesToBig(rlpBytes(item))));
    return { blockNumber: blockNumber!, index: index! };
  }

  async listLogBlocks(criteria: LogCriteria, from: number, to: number, keysMax: number): Promise<number[] | undefined> {
    return listIndexed(this.#db, criteria, from, to, keysMax);
  }

  async append(block: SealedBlock): Promise<void> {
    const batch = createBatch();
    for (const { key, bytes } of stateItems(block.state)) batch.put(key, bytes);
    putBlock(batch, block);
    putLogIndex(batch, block);
    batch.put(keys.HEAD_KEY, uint64be(block.header.number));
    this.#options.onAppend?.(batch, block);
    await this.#db.write(batch, { sync: true });
    for (const { name, bytes } of stateItems(block.state)) {
      this.#staged.delete(name);
      this.#states.set(name, bytes, bytes.length + ENTRY_BYTES);
    }
  }

  stage(state: SealedState): void {
    for (const { name, bytes } of stateItems(state)) this.#staged.set(name, bytes);
  }

  #readState(name: string, key: Uint8Array): Uint8Array | undefined {
    const known = this.#staged.get(name) ?? this.#states.get(name);
    if (known !== undefined) return known;
    const bytes = this.#db.findSync(key);
    if (bytes !== undefined) this.#states.set(name, bytes, bytes.length + ENTRY_BYTES);
    return bytes;
  }
}

function stateItems(state: SealedState): { name: string; key: Uint8Array; bytes: Uint8Array }[] {
  return [
    ...state.nodes.map(({ hash, bytes }) => ({ name: `n${keyOf(hash)}`, key: keys.nodes.key(hash), bytes })),
    ...state.codes.map(({ hash, bytes }) => ({ name: `c${keyOf(hash)}`, key: keys.codes.key(hash), bytes })),
  ];
}

function putBlock(batch: BatchWriter, block: SealedBlock): void {
  const { number } = block.header;
  batch.put(keys.blocks.key(number), encodeRlp([encodeHeader(block.header), block.hash, block.transactions]));
  batch.put(keys.receipts.key(number), encodeReceipts(block.receipts));
  batch.put(keys.blockNumbers.key(block.hash), uint64be(number));
  block.transactionHashes.forEach((hash, index) => {
    batch.put(keys.transactions.key(hash), encodeRlp([bigToBytes(number), bigToBytes(BigInt(index))]));
  });
}

function putLogIndex(batch: BatchWriter, block: SealedBlock): void {
  const { number } = block.header;
  const seen = new Map<string, Uint8Array>();
  for (const log of block.receipts.flatMap((receipt) => receipt.logs)) {
    seen.set(`a${keyOf(log.address)}`, keys.logAddresses.key(log.address, number));
    for (const topic of log.topics) seen.set(`t${keyOf(topic)}`, keys.logTopics.key(topic, number));
  }
  for (const key of seen.values()) batch.put(key, NOTHING);
}
