import { createHash } from 'node:crypto';
import { createBatch, type KeyValueStore } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { keccak256, Transaction } from 'ethers';
import { describe, expect, test } from 'vitest';
import { waitingTransactions } from '../src/store/keys.ts';
import { PoolJournal } from '../src/store/pool-journal.ts';
import { alice, CHAIN_ID, carol, nobody, poor } from './support/accounts.ts';
import { openTestNode } from './support/test-chain.ts';
import { tempDir } from './support/test-vm.ts';

/** A store that counts the writes it is asked for. */
function counting(store: KeyValueStore): { store: KeyValueStore; writes: { size: number; sync: boolean }[] } {
  const writes: { size: number; sync: boolean }[] = [];
  const write: KeyValueStore['write'] = (batch, options) => {
    writes.push({ size: batch.operations.length, sync: options.sync });
    return store.write(batch, options);
  };
  return {
    store: new Proxy(store, { get: (target, name) => (name === 'write' ? write : bound(target, name)) }),
    writes,
  };
}

function bound(target: KeyValueStore, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? value.bind(target) : value;
}

const transactions = Array.from({ length: 200 }, (_, index) => {
  const raw = Buffer.from(`transaction ${index}`);
  return { raw, hash: createHash('sha256').update(raw).digest() };
});

/** Puts raw transactions into a chain's folder as if they had been acknowledged. */
async function putWaiting(folder: string, raws: readonly string[]): Promise<void> {
  await using db = await openLevelStore(folder);
  const batch = createBatch();
  for (const raw of raws) {
    const hash = Buffer.from(keccak256(raw).slice(2), 'hex');
    batch.put(waitingTransactions.key(hash), Buffer.from(raw.slice(2), 'hex'));
  }
  await db.write(batch, { sync: true });
}

describe('the journal of the pool', () => {
  test('a burst shares few writes, each synced; what is forgotten costs no sync', async () => {
    await using folder = await tempDir();
    await using db = await openLevelStore(folder.path);
    const { store, writes } = counting(db);
    const journal = new PoolJournal(store, true);
    await Promise.all(transactions.map((transaction) => journal.keep(transaction)));
    expect(writes).toEqual([{ size: 200, sync: true }]);
    expect((await journal.load()).map(String).toSorted()).toEqual(
      transactions.map(({ raw }) => String(raw)).toSorted(),
    );
    for (const { hash } of transactions) journal.forget(hash);
    await journal[Symbol.asyncDispose]();
    expect(writes.slice(1)).toEqual([{ size: 200, sync: false }]);
    expect(await journal.load()).toEqual([]);
  });

  test('the last word counts, also before anything was written', async () => {
    await using folder = await tempDir();
    await using db = await openLevelStore(folder.path);
    const journal = new PoolJournal(db, false);
    const [first, second] = transactions;
    if (first === undefined || second === undefined) throw new Error('no transactions');
    const kept = journal.keep(first);
    journal.forget(first.hash);
    await Promise.all([kept, journal.keep(second)]);
    expect((await journal.load()).map(String)).toEqual([String(second.raw)]);
    journal.forget(second.hash);
    await journal.keep(second);
    expect((await journal.load()).map(String)).toEqual([String(second.raw)]);
  });

  test('a transaction that cannot be kept is not acknowledged', async () => {
    await using folder = await tempDir();
    const db = await openLevelStore(folder.path);
    const journal = new PoolJournal(db, true);
    const [first] = transactions;
    if (first === undefined) throw new Error('no transactions');
    await db.close();
    await expect(journal.keep(first)).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });

  test('an entry that a crash left behind its block is dropped at the next start', async () => {
    await using folder = await tempDir();
    let raw = '';
    {
      await using chain = await openTestNode(folder.path);
      const hash = await chain.send(alice, { to: poor.address, nonce: 0 });
      await chain.receiptOf(hash);
      raw = String(await chain.ask('eth_getRawTransactionByHash', hash));
    }
    // And one that is no transaction at all.
    await putWaiting(folder.path, [raw, '0x05c0']);
    {
      await using chain = await openTestNode(folder.path);
      expect(await chain.ask('txpool_status')).toEqual({ pending: '0x0', queued: '0x0' });
    }
    await using db = await openLevelStore(folder.path);
    expect(await new PoolJournal(db, true).load()).toEqual([]);
  });

  test('what spends a payment that is only waiting itself is taken after it', async () => {
    await using folder = await tempDir();
    const fields = { gasLimit: 21_000, gasPrice: 0, chainId: CHAIN_ID };
    {
      await using chain = await openTestNode(folder.path);
      await chain.receiptOf(await chain.send(alice, { to: carol.address, nonce: 0 }));
    }
    const payment = await alice.signTransaction({ ...fields, to: poor.address, value: 5n, nonce: 1 });
    const spending = await poor.signTransaction({ ...fields, to: nobody.address, value: 5n, nonce: 0 });
    await putWaiting(folder.path, [payment, spending]);
    await using chain = await openTestNode(folder.path);
    for (const raw of [payment, spending]) {
      expect(await chain.receiptOf(Transaction.from(raw).hash)).toMatchObject({ status: '0x1' });
    }
    expect(await chain.ask('eth_getBalance', nobody.address)).toBe('0x5');
  });
});
