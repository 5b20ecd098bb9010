import { openLevelStore } from '@lucid/common/storage/level-store';
import { expect } from 'vitest';
import { equalBytes, fromHex, toHex } from '../../src/domain/bytes.ts';
import { headerHash } from '../../src/domain/chain/header.ts';
import { encodeConsensusReceipt } from '../../src/domain/chain/receipt.ts';
import { EMPTY_CODE_HASH, EMPTY_ROOT } from '../../src/domain/crypto.ts';
import { decodeRlp, type RlpItem, rlpBytes, rlpList } from '../../src/domain/rlp.ts';
import { decodeAccount } from '../../src/domain/state/account.ts';
import { decodePath } from '../../src/domain/trie/nibbles.ts';
import { orderedRoot } from '../../src/domain/trie/trie.ts';
import { LevelChainStore } from '../../src/store/chain-store.ts';
import { waitingTransactions } from '../../src/store/keys.ts';

/** Walks every node a root commits to; answers the values of its leaves. */
function walk(store: LevelChainStore, root: Uint8Array): Uint8Array[] {
  const leaves: Uint8Array[] = [];
  const visit = (ref: RlpItem): void => {
    if (ref instanceof Uint8Array && ref.length === 0) return;
    const bytes = ref instanceof Uint8Array ? store.getNode(ref) : undefined;
    if (ref instanceof Uint8Array && bytes === undefined) throw new Error(`node ${toHex(ref)} is missing`);
    const node = rlpList(bytes === undefined ? ref : decodeRlp(bytes));
    if (node.length === 17) node.slice(0, 16).forEach(visit);
    else if (decodePath(rlpBytes(node[0])).isLeaf) leaves.push(rlpBytes(node[1]));
    else visit(node[1] ?? []);
  };
  if (!equalBytes(root, EMPTY_ROOT)) visit(root);
  return leaves;
}

/**
 * Everything of the chain under `folder` is there and agrees, and so is every receipt that was shown and, in a block or
 * waiting for one, every transaction that was acknowledged: lines of `crash-writer.ts`. Answers the head's number.
 */
export async function checkChain(folder: string, shown: readonly string[]): Promise<number> {
  await using db = await openLevelStore(folder);
  const store = new LevelChainStore(db, { nodeCacheBytes: 1 << 24, blockCacheBytes: 1 << 24 });
  const head = store.headNumber();
  for (let n = 0; n <= head; n++) {
    const block = store.findBlock(n);
    const receipts = store.findReceipts(n);
    if (block === undefined || receipts === undefined) throw new Error(`block ${n} of ${head} is missing`);
    expect(toHex(block.hash)).toBe(toHex(headerHash(block.header)));
    if (n > 0) expect(toHex(block.header.parentHash)).toBe(toHex(store.findBlock(n - 1)?.hash ?? EMPTY_ROOT));
    expect(toHex(orderedRoot(block.transactions))).toBe(toHex(block.header.transactionsRoot));
    expect(toHex(orderedRoot(receipts.map(encodeConsensusReceipt)))).toBe(toHex(block.header.receiptsRoot));
  }
  expect(store.findBlock(head + 1)).toBeUndefined();
  for (const leaf of walk(store, store.findBlock(head)?.header.stateRoot ?? EMPTY_ROOT)) {
    const account = decodeAccount(leaf);
    walk(store, account.storageRoot);
    if (!equalBytes(account.codeHash, EMPTY_CODE_HASH)) expect(store.getCode(account.codeHash)).toBeDefined();
  }
  for (const line of shown) {
    const acknowledged = /^acknowledged (0x[0-9a-f]{64})$/.exec(line)?.[1];
    if (acknowledged !== undefined) {
      const hash = fromHex(acknowledged);
      const isWaiting = db.findSync(waitingTransactions.key(hash)) !== undefined;
      if (!isWaiting && store.findTransaction(hash) === undefined) throw new Error(`${line}, and it is lost`);
      continue;
    }
    const [blockNumber, blockHash, transactionHash = '0x'] = line.split(' ');
    expect(toHex(store.findBlock(Number(blockNumber))?.hash ?? EMPTY_ROOT)).toBe(blockHash);
    expect(store.findTransaction(fromHex(transactionHash))?.blockNumber).toBe(Number(blockNumber));
  }
  return head;
}
