import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import { leafHash, verifyConsistency } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { parseTlogProof, verifyTlogProof } from '@lucid/common/formats/tlog-proof';
import type { Batch, KeyValueStore, WriteOptions } from '@lucid/common/storage/kv';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestLogKey, openTestLedger, openTestLog, type TestLedger } from '../../../../test/support/ledger.ts';
import { getEntry } from '../../src/domain/entries.ts';
import type { Log, PublishedCheckpoint } from '../../src/domain/log.ts';
import { consistencyProof, encodeReceipt, rootAt } from '../../src/domain/proofs.ts';
import { verifyLog } from '../../src/domain/verify-log.ts';
import { type Fault, FaultyStore } from '../support/faulty-store.ts';
import { LateStore } from '../support/late-store.ts';

const key = createTestLogKey();
const verifiers = [parseVerifierKey(key.verifierKey)];
function requireConsistent(log: Log, older: PublishedCheckpoint, newer: PublishedCheckpoint): void {
  const [oldSize, newSize] = [older.treeSize, newer.treeSize];
  const proof = consistencyProof(log.tree, oldSize, newSize);
  verifyConsistency({ oldSize, newSize, oldRoot: older.rootHash, newRoot: newer.rootHash, proof });
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Tells how many operations each batch has, before it is written. */
function countWrites(store: KeyValueStore, told: (operationCount: number) => void): KeyValueStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'write') {
        return (batch: Batch, options: WriteOptions) => {
          expect(options).toEqual({ sync: true });
          told(batch.operations.length);
          return target.write(batch, options);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const entry = (text: string): Buffer => Buffer.from(text);

describe('Log', () => {
  let folder: string;
  let log: Log;
  let commits: number[];
  const open = (): Promise<Log> => openTestLog(folder, key, {}, { committed: (count) => void commits.push(count) });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lucid-log-'));
    commits = [];
    log = await open();
  });
  afterEach(async () => {
    await log[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test('a new log publishes the empty tree', async () => {
    const { treeSize, rootHash } = await openCheckpoint(log.published.note, verifiers);
    expect(treeSize).toBe(0);
    expect(Buffer.from(rootHash).toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
  });

  test('appends in the order they came share few commits, each entry with a receipt that verifies', async () => {
    const appended = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => log.append({ entries: [entry(`e${index}`)] })),
    );
    expect(appended.map(({ firstIndex }) => firstIndex)).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect(commits.length).toBeLessThan(20);
    expect(commits.reduce((sum, count) => sum + count)).toBe(1000);
    const checkpoint = await log.publishedFor(1000);
    for (const leafIndex of [0, 255, 256, 999]) {
      const receipt = parseTlogProof(encodeReceipt(log.tree, leafIndex, checkpoint));
      await verifyTlogProof(receipt, leafHash(entry(`e${leafIndex}`)), verifiers);
    }
    expect(await verifyLog(log)).toMatchObject({ isValid: true, treeSize: 1000, tileCount: 3, problems: [] });
  });

  test('the whole of a log of one entry over and over is verified in one pass', async () => {
    await log.append({ entries: Array.from({ length: 10_000 }, () => entry('again')) });
    await log.publishedFor(10_000);
    expect(await verifyLog(log)).toMatchObject({ isValid: true, treeSize: 10_000 });
  });

  test('opens again as it was, in the middle of a tile and across tiles', async () => {
    for (const count of [1, 254, 1, 300, 70_000]) {
      await log.append({ entries: Array.from({ length: count }, (_, index) => entry(`${count}/${index}`)) });
      const checkpoint = await log.publishedFor(log.treeSize);
      await log[Symbol.asyncDispose]();
      log = await open();
      expect(log.published).toEqual(checkpoint);
      expect(Buffer.compare(rootAt(log.tree, log.treeSize), checkpoint.rootHash)).toBe(0);
    }
    expect((await getEntry(log, 255)).entry).toEqual(entry('1/0'));
    expect((await getEntry(log, 556 + 69_999)).entry).toEqual(entry('70000/69999'));
    await expect(getEntry(log, log.treeSize)).rejects.toMatchObject({ code: 'LEDGER_ENTRY_NOT_FOUND' });
  });

  test('every published checkpoint is consistent with the ones before', async () => {
    let older: PublishedCheckpoint | undefined;
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: round + 1 }, () => log.append({ entries: [entry(`r${round}`)] })));
      const newer = await log.publishedFor(log.treeSize);
      if (older) requireConsistent(log, older, newer);
      older = newer;
    }
    expect(older?.treeSize).toBe(210);
  });

  test('packed entries, single ones and lists of them are the same log', async () => {
    const texts = ['a', '', 'ccc'].map(entry);
    const packed = Buffer.concat(texts.flatMap((text) => [Buffer.from([0, text.length]), text]));
    expect(await log.appendPacked({ bytes: packed, count: 3 })).toEqual({ firstIndex: 0, count: 3 });
    const { firstIndex, leafHashes } = await log.append({ entries: texts });
    expect([firstIndex, ...leafHashes.map(hexOf)]).toEqual([3, ...texts.map((text) => hexOf(leafHash(text)))]);
    const reused = entry('one');
    const appended = new Promise<[number, string]>((resolve, reject) => {
      log.appendOne(reused, {
        appended: (index, hashes, offset) => resolve([index, hashes.toString('hex', offset, offset + 32)]),
        refused: reject,
      });
    });
    reused.fill(0);
    expect(await appended).toEqual([6, hexOf(leafHash(entry('one')))]);
    expect(await log.store.readEntries(0, 7)).toEqual([...texts, ...texts, entry('one')]);
    expect(await log.store.readEntries(2, 3)).toEqual([entry('ccc'), entry('a'), entry('')]);
    expect(Buffer.from(await log.store.readBundle(0, 3))).toEqual(packed);
    expect(() => log.appendPacked({ bytes: packed, count: 2 })).toThrow('the bundle holds the entries');
    expect(log.treeSize).toBe(7);
  });

  test('one commit is one write to the store, whatever it holds', async () => {
    await log[Symbol.asyncDispose]();
    const writes: number[] = [];
    log = await openTestLog(folder, key, {
      wrapStore: (store) => countWrites(store, (operationCount) => void writes.push(operationCount)),
    });
    const key1 = { subject: 's', text: 'k' };
    await Promise.all([log.append({ entries: [entry('a')], key: key1 }), log.append({ entries: [entry('b')] })]);
    // The record, the key and the state.
    expect(writes).toEqual([3]);
    await log.append({ entries: Array.from({ length: 512 }, (_, index) => entry(`${index}`)) });
    // The record, two tiles and the state.
    expect(writes).toEqual([3, 4]);
  });

  test('entries are found by their hash, in memory and in a run, also after it was opened again', async () => {
    const hashes = Array.from({ length: 65_536 + 300 }, (_, index) => leafHash(entry(`e${index}`)));
    await log.append({ entries: hashes.map((_, index) => entry(`e${index}`)), leafHashes: hashes });
    for (let round = 0; round < 2; round += 1) {
      for (const index of [0, 255, 65_535, 65_536, 65_835]) {
        expect(await log.findByLeafHash(hashes[index] as Uint8Array)).toBe(index);
      }
      expect(await log.findByLeafHash(leafHash(entry('never')))).toBe(undefined);
      await log.publishedFor(log.treeSize);
      expect(await verifyLog(log)).toMatchObject({ isValid: true, problems: [] });
      await log[Symbol.asyncDispose]();
      log = await open();
    }
  });

  test('whoever listens hears of each checkpoint until he stops', async () => {
    const heard: number[] = [];
    const stop = log.onPublished(({ treeSize }) => void heard.push(treeSize));
    await log.append({ entries: [entry('a')] });
    await log.publishedFor(1);
    stop();
    await log.append({ entries: [entry('b')] });
    await log.publishedFor(2);
    expect(heard).toEqual([1]);
    expect(log.name).toBe('lucid');
  });

  describe('Idempotency-Key', () => {
    const request = { entries: [entry('a'), entry('b')], key: { subject: 'sessions', text: 'k1' } };

    test('the same entries again answer the same indexes, also after a restart', async () => {
      const { firstIndex } = await log.append(request);
      await log.append({ entries: [entry('between')] });
      expect((await log.append(request)).firstIndex).toBe(firstIndex);
      await log[Symbol.asyncDispose]();
      log = await open();
      expect((await log.append(request)).firstIndex).toBe(firstIndex);
      expect(log.treeSize).toBe(3);
    });

    test('other entries under the same key are refused, and another subject has its own keys', async () => {
      await log.append(request);
      await expect(log.append({ ...request, entries: [entry('a')] })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_KEY_REUSED',
        status: 422,
      });
      await log.append({ ...request, key: { subject: 'vm', text: 'k1' } });
      expect(log.treeSize).toBe(4);
    });

    test('what came under a key is found by it', async () => {
      await log.append({ entries: [entry('before')] });
      await log.append(request);
      expect(log.findKeyed('sessions', 'k1')).toEqual({ firstIndex: 1, count: 2 });
      expect(log.findKeyed('vm', 'k1')).toBe(undefined);
      expect(() => log.findKeyed('vm', ' ')).toThrow(expect.objectContaining({ code: 'IDEMPOTENCY_KEY_INVALID' }));
    });

    test('packed or not, the same entries are the same', async () => {
      await log.append(request);
      const bytes = Buffer.from('\0\x01a\0\x01b', 'latin1');
      expect(await log.appendPacked({ bytes, count: 2, key: request.key })).toEqual({ firstIndex: 0, count: 2 });
      expect(log.treeSize).toBe(2);
    });

    test('while the first is in work a second is told so', async () => {
      const first = log.append(request);
      await expect(log.append(request)).rejects.toMatchObject({ code: 'IDEMPOTENCY_IN_FLIGHT', status: 409 });
      await first;
      expect(log.treeSize).toBe(2);
    });
  });
});

describe.each<Fault>(['failed', 'failed but persisted'])('a write that %s', (fault) => {
  test.each([0, 1, 7])(
    'stops the log; it opens anew with nothing acknowledged lost and nothing twice (%i)',
    async (at) => {
      let disks = 0;
      const ledger: TestLedger = await openTestLedger({
        key,
        wrapStore: (store) => (disks++ === 0 ? new FaultyStore(store, fault, at) : store),
      });
      const before = ledger.host.log.published;
      const acknowledged = new Map<number, string>();
      const append = async (text: string): Promise<void> => {
        const { firstIndex } = await ledger.host.log.append({ entries: [entry(text)], key: { subject: 's', text } });
        acknowledged.set(firstIndex, text);
      };
      for (let index = 0; index < at; index += 1) await append(`entry-${index}`);
      const checkpoint = await ledger.host.log.publishedFor(at);
      await expect(append('broken')).rejects.toMatchObject({ code: 'STORE_FAILED', status: 503 });
      expect(() => ledger.host.log).toThrow(expect.objectContaining({ code: 'LEDGER_UNAVAILABLE' }));
      expect((await ledger.app.inject('/readyz')).statusCode).toBe(503);
      await ledger.host.settled();
      const { log } = ledger.host;
      expect(log.treeSize).toBe(at + (fault === 'failed' ? 0 : 1));
      expect(log.published.treeSize).toBe(log.treeSize);
      await append('broken');
      await append('after');
      expect(log.treeSize).toBe(at + 2);
      for (const [leafIndex, text] of acknowledged) expect((await getEntry(log, leafIndex)).entry).toEqual(entry(text));
      const after = await log.publishedFor(log.treeSize);
      if (at > 0) {
        requireConsistent(log, checkpoint, after);
      }
      expect(before.treeSize).toBe(0);
      expect(await verifyLog(log)).toMatchObject({ isValid: true });
      expect(ledger.troubles).toHaveLength(1);
      await ledger[Symbol.asyncDispose]();
    },
  );
});

describe('what the store shows before the log has taken it for durable', () => {
  test('is in flight to whoever asks for it under the same key', async () => {
    const written = Promise.withResolvers<void>();
    const taken = Promise.withResolvers<void>();
    await using ledger = await openTestLedger({
      key,
      wrapStore: (store) => new LateStore(store, written.resolve, taken.promise),
    });
    const { log } = ledger.host;
    const request = { entries: [entry('once')], key: { subject: 's', text: 'k' } };
    const first = log.append(request);
    await written.promise;
    await expect(log.append(request)).rejects.toMatchObject({ code: 'IDEMPOTENCY_IN_FLIGHT' });
    taken.resolve();
    const { firstIndex } = await first;
    expect(await log.append(request)).toMatchObject({ firstIndex });
    expect(log.treeSize).toBe(1);
  });
});
