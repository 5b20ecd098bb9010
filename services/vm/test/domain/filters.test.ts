import { describe, expect, test } from 'vitest';
import { toHex, uint64be } from '../../src/domain/bytes.ts';
import type { ChainReader, StoredBlock } from '../../src/domain/chain/block.ts';
import { EMPTY_ROOT, keccak256 } from '../../src/domain/crypto.ts';
import { filterMethods } from '../../src/domain/rpc/filters.ts';
import type { RpcMethods } from '../../src/domain/rpc/methods.ts';

const hashOf = (n: number): Uint8Array => keccak256(uint64be(n));

/** A chain of empty blocks whose head the test moves: filters ask nothing else of it. */
class EmptyChain {
  head = 0;
  readonly reader = {
    headNumber: () => this.head,
    findBlock: (n: number) => ({ hash: hashOf(n), header: { number: BigInt(n) } }) as unknown as StoredBlock,
    getNode: () => undefined,
    getCode: () => undefined,
    findBlockNumber: () => undefined,
    findReceipts: () => [],
    findTransaction: () => undefined,
    listLogBlocks: async () => [],
  } satisfies ChainReader;
}

function open(limits: { filtersMax: number; blocksMax: number }) {
  const chain = new EmptyChain();
  let now = 0;
  const methods: RpcMethods = filterMethods(chain.reader, { resultsMax: 10, filterTtlMs: 1000, ...limits }, () => now);
  const ask = async (method: string, ...params: unknown[]): Promise<unknown> => await methods[method]?.(params);
  return { chain, ask, wait: (ms: number) => (now += ms) };
}

describe('filters', () => {
  test('a block filter tells each block once, and catches up in steps', async () => {
    const { chain, ask } = open({ filtersMax: 10, blocksMax: 3 });
    chain.head = 5;
    const id = await ask('eth_newBlockFilter');
    expect(await ask('eth_getFilterChanges', id)).toEqual([]);
    chain.head = 10;
    expect(await ask('eth_getFilterChanges', id)).toEqual([6, 7, 8].map((n) => toHex(hashOf(n))));
    expect(await ask('eth_getFilterChanges', id)).toEqual([9, 10].map((n) => toHex(hashOf(n))));
    expect(await ask('eth_getFilterChanges', id)).toEqual([]);
    expect(await ask('eth_uninstallFilter', id)).toBe(true);
    expect(await ask('eth_uninstallFilter', id)).toBe(false);
    await expect(ask('eth_getFilterChanges', id)).rejects.toThrow('filter not found');
  });

  test('one that nobody asks is forgotten; one that is asked lives', async () => {
    const { ask, wait } = open({ filtersMax: 10, blocksMax: 10 });
    const [idle, used] = [await ask('eth_newBlockFilter'), await ask('eth_newBlockFilter')];
    wait(900);
    await ask('eth_getFilterChanges', used);
    wait(900);
    await expect(ask('eth_getFilterChanges', idle)).rejects.toThrow('filter not found');
    expect(await ask('eth_getFilterChanges', used)).toEqual([]);
  });

  test('when there are too many, the one unused longest makes room', async () => {
    const { ask } = open({ filtersMax: 2, blocksMax: 10 });
    const first = await ask('eth_newFilter', { address: toHex(EMPTY_ROOT.slice(0, 20)) });
    const second = await ask('eth_newBlockFilter');
    await ask('eth_getFilterChanges', first);
    const third = await ask('eth_newBlockFilter');
    await expect(ask('eth_getFilterChanges', second)).rejects.toThrow('filter not found');
    expect(await ask('eth_getFilterChanges', first)).toEqual([]);
    expect(await ask('eth_getFilterLogs', first)).toEqual([]);
    expect(await ask('eth_getFilterChanges', third)).toEqual([]);
  });
});
