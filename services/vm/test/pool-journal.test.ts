import { createHash } from 'node:crypto';
import { createBatch, type KeyValueStore } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { describe, expect, test } from 'vitest';
import { waitingTransactions } from '../src/store/keys.ts';
import { PoolJournal } from '../src/store/pool-journal.ts';
import { alice, poor } from './support/accounts.ts';
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
    {
      await using db = await openLevelStore(folder.path);
      const batch = createBatch();
      batch.put(waitingTransactions.key(new Uint8Array(32)), Buffer.from(raw.slice(2), 'hex'));
      await db.write(batch, { sync: true });
    }
    await using chain = await openTestNode(folder.path);
    expect(await chain.ask('txpool_status')).toEqual({ pending: '0x0', queued: '0x0' });
  });
});
