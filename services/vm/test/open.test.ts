import { spawnSync } from 'node:child_process';
import { isAppError } from '@lucid/common/errors';
import { TestClock } from '@lucid/common/runtime/clock';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { describe, expect, test } from 'vitest';
import { PoolJournal } from '../src/store/pool-journal.ts';
import { alice, carol, poor, testGenesis } from './support/accounts.ts';
import { deployProbe } from './support/probe.ts';
import { openTestNode } from './support/test-chain.ts';
import { openTestVm, tempDir } from './support/test-vm.ts';

const withGenesis = (overrides: Record<string, unknown>) => ({ genesisText: JSON.stringify(testGenesis(overrides)) });

describe('opening', () => {
  test('the service goes on where it was closed', async () => {
    await using folder = await tempDir();
    let head = '';
    {
      await using vm = await openTestVm({ dataDir: folder.path });
      const contract = await deployProbe(alice.connect(vm.provider), 3n);
      await (await contract.getFunction('set')(4n, 'kept')).wait();
      head = (await vm.provider.getBlock('latest'))?.hash ?? '';
    }
    await using vm = await openTestVm({ dataDir: folder.path });
    expect((await vm.provider.getBlock('latest'))?.hash).toBe(head);
    const sent = await alice.connect(vm.provider).sendTransaction({ to: poor.address, value: 1n });
    expect(await sent.wait()).toMatchObject({ status: 1, blockNumber: 3 });
    expect((await vm.provider.getBlock(3))?.parentHash).toBe(head);
  });

  test('the same genesis makes the same block 0, anywhere', async () => {
    await using one = await tempDir();
    await using two = await tempDir();
    await using first = await openTestNode(one.path);
    await using second = await openTestNode(two.path);
    expect((await first.blockOf('0x0')).hash).toBe((await second.blockOf('0x0')).hash);
  });

  test('another genesis on the same folder is refused', async () => {
    await using folder = await tempDir();
    await (await openTestNode(folder.path))[Symbol.asyncDispose]();
    for (const other of [{ chainId: 5 }, { members: [{ address: carol.address, seats: 1 }] }]) {
      const refused = await openTestNode(folder.path, withGenesis(other)).catch((error: unknown) => error);
      expect(isAppError(refused, 'VM_GENESIS_MISMATCH')).toBe(true);
    }
  });

  test('a genesis that makes no sense is refused and leaves nothing behind', async () => {
    await using folder = await tempDir();
    for (const [overrides, code] of [
      [{ chainId: 'x' }, 'VM_GENESIS_INVALID'],
      [{ members: [] }, 'GENESIS_CONFIG_INVALID'],
      [{ members: 7 }, 'VM_GENESIS_INVALID'],
      [{ balances: { [alice.address]: 'lots' } }, 'VM_GENESIS_INVALID'],
    ] as const) {
      const refused = await openTestNode(folder.path, withGenesis(overrides)).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code });
    }
    await using chain = await openTestNode(folder.path);
    expect(await chain.ask('eth_blockNumber')).toBe('0x0');
  });

  test('a service that cannot open says why: the code of its thread', async () => {
    const refused = await openTestVm({ genesis: testGenesis({ members: [] }) }).catch((error: unknown) => error);
    expect(isAppError(refused, 'GENESIS_CONFIG_INVALID')).toBe(true);
  });

  test('a folder another process writes is refused', async () => {
    await using folder = await tempDir();
    await using _chain = await openTestNode(folder.path);
    const code = `import { openLevelStore } from '@lucid/common/storage/level-store';
      openLevelStore(${JSON.stringify(folder.path)}).catch((error) => console.log(error.code));`;
    const cwd = new URL('..', import.meta.url).pathname;
    const { stdout } = spawnSync(process.execPath, ['--conditions=source', '--input-type=module', '-e', code], { cwd });
    expect(stdout.toString().trim()).toBe('STORE_LOCKED');
  });
});

describe('what waits', () => {
  test.each([true, false])('is there after a restart, until it is in a block (synced: %s)', async (poolSync) => {
    await using folder = await tempDir();
    const at = () => openTestNode(folder.path, { poolSync });
    const hashes: unknown[] = [];
    {
      await using chain = await at();
      // Higher nonces first: they wait behind a gap.
      for (const nonce of [3, 2, 1]) hashes.push(await chain.send(alice, { to: poor.address, nonce }));
      expect(await chain.ask('txpool_status')).toEqual({ pending: '0x0', queued: '0x3' });
    }
    {
      await using chain = await at();
      expect(await chain.ask('txpool_status')).toEqual({ pending: '0x0', queued: '0x3' });
      await chain.send(alice, { to: poor.address, nonce: 0 });
      for (const hash of hashes) expect(await chain.receiptOf(hash)).toMatchObject({ status: '0x1' });
    }
    await using chain = await at();
    expect(await chain.ask('txpool_status')).toEqual({ pending: '0x0', queued: '0x0' });
    expect(await chain.ask('eth_getTransactionCount', alice.address, 'latest')).toBe('0x4');
  });

  test('is forgotten where it was replaced', async () => {
    await using folder = await tempDir();
    {
      await using chain = await openTestNode(folder.path);
      await chain.send(alice, { to: poor.address, nonce: 1, gasPrice: 1 });
      await chain.send(alice, { to: carol.address, nonce: 1, gasPrice: 2 });
    }
    await using db = await openLevelStore(folder.path);
    expect(await new PoolJournal(db, true).load()).toHaveLength(1);
  });
});

describe('time', () => {
  test("a block has the service's time, also across threads; within a second blocks share it", async () => {
    const clock = new TestClock(Date.UTC(2026, 5, 1));
    await using vm = await openTestVm({ clock });
    const stamp = async (): Promise<number> => {
      const sent = await alice.connect(vm.provider).sendTransaction({ to: poor.address });
      return (await vm.provider.getBlock((await sent.wait())?.blockNumber ?? 0))?.timestamp ?? 0;
    };
    const first = await stamp();
    expect(first).toBe(Date.UTC(2026, 5, 1) / 1000);
    expect(await stamp()).toBe(first);
    clock.advance(90_500);
    expect(await stamp()).toBe(first + 90);
  });

  test('a clock behind the head is held at the head', async () => {
    await using folder = await tempDir();
    const at = async (ms: number, nonce: number): Promise<number> => {
      await using chain = await openTestNode(folder.path, {}, new TestClock(ms));
      const { blockNumber } = await chain.receiptOf(await chain.send(alice, { to: poor.address, nonce }));
      return Number((await chain.blockOf(blockNumber)).timestamp);
    };
    const ahead = await at(Date.UTC(2026, 8, 1), 0);
    expect(ahead).toBe(Date.UTC(2026, 8, 1) / 1000);
    expect(await at(Date.UTC(2026, 7, 1), 1)).toBe(ahead);
  });
});

test('a transaction that its sender can no longer pay leaves the pool; later ones wait behind the gap', async () => {
  await using folder = await tempDir();
  await using chain = await openTestNode(folder.path);
  const value = 6n * 10n ** 20n;
  const [first, second] = await Promise.all([
    chain.send(carol, { to: poor.address, value, nonce: 0 }),
    chain.send(carol, { to: poor.address, value, nonce: 1 }),
    chain.send(carol, { to: poor.address, value: 1n, nonce: 2 }),
  ]);
  await chain.receiptOf(first);
  expect(BigInt(String(await chain.ask('eth_getBalance', poor.address)))).toBe(value);
  expect(await chain.ask('eth_getTransactionByHash', second)).toBeNull();
  expect(await chain.ask('txpool_status')).toEqual({ pending: '0x0', queued: '0x1' });
  expect(await chain.ask('eth_getTransactionCount', carol.address, 'pending')).toBe('0x1');
});
