import { createBlockFromRLP } from '@ethereumjs/block';
import { MerklePatriciaTrie } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import { keccak256, Transaction } from 'ethers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRules } from '../src/domain/chain/rules.ts';
import { alice, bob, CHAIN_ID, nobody, poor } from './support/accounts.ts';
import { deployProbe } from './support/probe.ts';
import { openTestVm } from './support/test-vm.ts';

describe('raw forms and what waits', () => {
  let vm: Awaited<ReturnType<typeof openTestVm>>;

  const ask = async <T>(method: string, ...params: unknown[]): Promise<T> => (await vm.rpc(method, params)).result as T;

  beforeAll(async () => {
    vm = await openTestVm();
    await deployProbe(alice.connect(vm.provider), 1n);
  });

  afterAll(() => vm[Symbol.asyncDispose]());

  test('a block, its header and its transactions are the bytes their hashes are of', async () => {
    const block = await vm.provider.getBlock('latest');
    if (block?.hash == null) throw new Error('no block');
    expect(keccak256(await ask<string>('debug_getRawHeader', 'latest'))).toBe(block.hash);
    const decoded = createBlockFromRLP(
      Buffer.from((await ask<string>('debug_getRawBlock', 'latest')).slice(2), 'hex'),
      {
        common: createRules(CHAIN_ID),
      },
    );
    expect(Buffer.from(decoded.hash()).toString('hex')).toBe(block.hash.slice(2));
    expect(await decoded.transactionsTrieIsValid()).toBe(true);
    const [hash] = block.transactions;
    const raw = await ask<string>('debug_getRawTransaction', hash);
    expect(Transaction.from(raw).hash).toBe(hash);
    expect(await ask('eth_getRawTransactionByHash', hash)).toBe(raw);
    expect(await ask('eth_getRawTransactionByBlockNumberAndIndex', 'latest', '0x0')).toBe(raw);
    expect(await ask('eth_getRawTransactionByBlockHashAndIndex', block.hash, '0x0')).toBe(raw);
    expect(await ask('eth_getRawTransactionByBlockNumberAndIndex', 'latest', '0x1')).toBeNull();
    expect(await ask('eth_getRawTransactionByHash', keccak256('0x'))).toBeNull();
    const receipts = await ask<string[]>('debug_getRawReceipts', 'latest');
    const trie = new MerklePatriciaTrie();
    for (const [index, receipt] of receipts.entries())
      await trie.put(RLP.encode(index), Buffer.from(receipt.slice(2), 'hex'));
    expect(trie.root()).toEqual(decoded.header.receiptTrie);
  });

  test('what waits behind a gap is shown by sender and nonce, until it runs', async () => {
    const sign = async (nonce: number): Promise<string> =>
      await bob.signTransaction({
        to: poor.address,
        value: 1n,
        nonce,
        gasLimit: 21_000,
        gasPrice: 0,
        chainId: CHAIN_ID,
      });
    const late = await ask<string>('eth_sendRawTransaction', await sign(2));
    const bobs = bob.address.toLowerCase();
    const waiting = { hash: late, from: bobs, nonce: '0x2', blockHash: null };
    expect(await ask('txpool_content')).toMatchObject({ pending: {}, queued: { [bobs]: { 2: waiting } } });
    expect(await ask('txpool_contentFrom', bob.address)).toMatchObject({ pending: {}, queued: { 2: waiting } });
    expect(await ask('txpool_contentFrom', nobody.address)).toEqual({ pending: {}, queued: {} });
    const line = `${poor.address.toLowerCase()}: 1 wei + 21000 gas × 0 wei`;
    expect(await ask('txpool_inspect')).toEqual({ pending: {}, queued: { [bobs]: { 2: line } } });
    expect(Transaction.from(await ask<string>('eth_getRawTransactionByHash', late)).nonce).toBe(2);
    await ask('eth_sendRawTransaction', await sign(0));
    await ask('eth_sendRawTransaction', await sign(1));
    await vm.receiptOf(late);
    expect(await ask('txpool_content')).toEqual({ pending: {}, queued: {} });
  });
});
