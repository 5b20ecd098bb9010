import { isAppError } from '@lucid/common/errors';
import { TestClock } from '@lucid/common/runtime/clock';
import { describe, expect, test } from 'vitest';
import { alice, CHAIN_ID, carol, poor, testGenesis } from './support/accounts.ts';
import { deployProbe } from './support/probe.ts';
import { openTestVm, tempDir } from './support/test-vm.ts';

describe('opening', () => {
  test('a chain goes on where it was closed', async () => {
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
    await using one = await openTestVm();
    await using two = await openTestVm();
    expect((await one.provider.getBlock(0))?.hash).toBe((await two.provider.getBlock(0))?.hash);
  });

  test('another genesis on the same folder is refused', async () => {
    await using folder = await tempDir();
    await (await openTestVm({ dataDir: folder.path }))[Symbol.asyncDispose]();
    for (const other of [{ chainId: 5 }, { members: [{ address: carol.address, seats: 1 }] }]) {
      const refused = await openTestVm({ dataDir: folder.path, genesis: testGenesis(other) }).catch((e: unknown) => e);
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
      const genesis = testGenesis(overrides);
      const refused = await openTestVm({ dataDir: folder.path, genesis }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code });
    }
    await using vm = await openTestVm({ dataDir: folder.path });
    expect(await vm.provider.getBlockNumber()).toBe(0);
  });

  test('a folder another process writes is refused', async () => {
    await using vm = await openTestVm();
    const { spawnSync } = await import('node:child_process');
    const code = `import { openLevelStore } from '@lucid/common/storage/level-store';
      openLevelStore(${JSON.stringify(`${vm.dataDir}/chain`)}).catch((error) => console.log(error.code));`;
    const cwd = new URL('..', import.meta.url).pathname;
    const { stdout } = spawnSync(process.execPath, ['--conditions=source', '--input-type=module', '-e', code], { cwd });
    expect(stdout.toString().trim()).toBe('STORE_LOCKED');
  });
});

describe('time', () => {
  test("a block has the service's time; within a second blocks share it; it never goes back", async () => {
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
    const at = async (ms: number): Promise<number> => {
      await using vm = await openTestVm({ dataDir: folder.path, clock: new TestClock(ms) });
      const sent = await alice.connect(vm.provider).sendTransaction({ to: poor.address });
      return (await vm.provider.getBlock((await sent.wait())?.blockNumber ?? 0))?.timestamp ?? 0;
    };
    const ahead = await at(Date.UTC(2026, 8, 1));
    expect(await at(Date.UTC(2026, 7, 1))).toBe(ahead);
  });
});

test('a transaction that its sender can no longer pay leaves the pool; later ones wait behind the gap', async () => {
  await using vm = await openTestVm({ env: { VM_BLOCK_INTERVAL_MS: '200' } });
  const value = 6n * 10n ** 20n;
  const raw = (nonce: number, wei: bigint): Promise<string> =>
    carol.signTransaction({ to: poor.address, value: wei, nonce, gasLimit: 21_000, gasPrice: 0, chainId: CHAIN_ID });
  const [first, second, third] = await Promise.all([raw(0, value), raw(1, value), raw(2, 1n)]);
  // The first block opens the interval, so that the three meet in the second.
  await (await alice.connect(vm.provider).sendTransaction({ to: poor.address })).wait();
  const sent = await Promise.all([first, second, third].map((one) => vm.provider.broadcastTransaction(one)));
  await sent[0]?.wait();
  expect(await vm.provider.getBalance(poor.address)).toBe(value);
  expect(await vm.provider.getTransaction(sent[1]?.hash ?? '')).toBeNull();
  expect((await vm.rpc('txpool_status')).result).toEqual({ pending: '0x0', queued: '0x1' });
  expect(await vm.provider.getTransactionCount(carol.address, 'pending')).toBe(1);
});
