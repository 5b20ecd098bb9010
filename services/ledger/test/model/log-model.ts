import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { isAppError } from '@lucid/common/errors';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { createTestLogKey } from '../../../../test/support/ledger.ts';
import type { Log, PublishedCheckpoint } from '../../src/domain/log.ts';
import type { LogStore, PublishedStore } from '../../src/domain/log-store.ts';
import { openLog } from '../../src/domain/open-log.ts';
import { MemoryDisk, type WriteOutcome } from './memory-disk.ts';

/** One append: so many entries, under one of a few Idempotency-Keys or none. A key always comes with the same. */
export type Work = { readonly count: number; readonly key: number | undefined };

/** Several callers at once, what the disk makes of the commit and of the checkpoint, and what the witness says. */
export type Step = {
  readonly works: readonly Work[];
  readonly commit: WriteOutcome;
  readonly publish: WriteOutcome;
  readonly witness: boolean;
};

/** How the log's stores are made: where a test of the model puts in its bug. */
export type Wrap = {
  readonly store: (store: KeyValueStore, disk: MemoryDisk) => LogStore;
  readonly published?: (published: PublishedStore, disk: MemoryDisk) => PublishedStore;
};

type Asked = Work & { readonly texts: readonly string[]; firstIndex?: number };

const key = createTestLogKey();
const subject = 'model';
const neverWritten: readonly string[] = ['IDEMPOTENCY_IN_FLIGHT'];

/**
 * What a log is, in the simplest words: a list of entries that only grows. It is held against the real one after each
 * step: what was answered is there; what was not is there whole or not at all; no key twice; every checkpoint ever
 * shown is one of the list's own past, and was remembered before it was shown.
 */
export class LogModel {
  readonly #disk = new MemoryDisk();
  readonly #wrap: Wrap;
  readonly #isWitnessed: boolean;
  #log: Log | undefined;
  #entries: string[] = [];
  readonly #keyed = new Map<number, number>();
  readonly #shown = new Map<number, PublishedCheckpoint>();
  readonly #checked = new Set<number>();
  readonly #troubles: unknown[] = [];
  #opening = 0;
  #isWilling = true;
  readonly #endorsed = new Set<string>();
  #askedCount = 0;

  constructor(wrap: Wrap, isWitnessed: boolean) {
    this.#wrap = wrap;
    this.#isWitnessed = isWitnessed;
  }

  async #open(): Promise<Log> {
    const { store, published } = this.#disk.open();
    const opening = ++this.#opening;
    const log = await openLog({
      key,
      store: this.#wrap.store(store, this.#disk),
      published: this.#wrap.published?.(published, this.#disk) ?? published,
      adoptStore: false,
      // A witness that said no is asked again at once, but not by what is left of a process that has ended.
      sleep: async () => await (opening === this.#opening ? turn() : new Promise<never>(() => {})),
      ...(this.#isWitnessed ? { endorse: (note) => this.#endorse(note) } : {}),
    });
    log.onPublished((checkpoint) => this.#show(checkpoint));
    this.#show(log.published);
    return log;
  }

  #endorse(note: string): Promise<string> {
    if (!this.#isWilling) return Promise.reject(new Error('the witness says no'));
    this.#endorsed.add(note);
    return Promise.resolve(note);
  }

  #show(checkpoint: PublishedCheckpoint): void {
    try {
      assert.equal(checkpoint.note, this.#disk.note, 'a checkpoint is remembered before it is shown');
      const isEndorsed = !this.#isWitnessed || checkpoint.treeSize === 0 || this.#endorsed.has(checkpoint.note);
      assert.ok(isEndorsed, 'nothing is shown that was not cosigned');
      const last = Math.max(0, ...this.#shown.keys());
      assert.ok(checkpoint.treeSize >= last, 'no checkpoint is older than one shown before');
      const known = this.#shown.get(checkpoint.treeSize) ?? checkpoint;
      assert.deepEqual(checkpoint.rootHash, known.rootHash, 'a tree of one size has one root');
      this.#shown.set(checkpoint.treeSize, checkpoint);
    } catch (error) {
      this.#troubles.push(error);
    }
  }

  async step({ works, commit, publish, witness }: Step): Promise<void> {
    const log = (this.#log ??= await this.#open());
    Object.assign(this.#disk.next, { store: commit, published: publish });
    this.#isWilling = witness;
    const asked = works.map((work) => this.#ask(work));
    const { ended } = this.#disk;
    await Promise.race([Promise.all(asked.map((one) => this.#append(log, one))), ended]);
    const outcome = await Promise.race([log.publishedFor(log.treeSize).then(nothing, nothing), ended]);
    if (outcome === 'ended') this.#log = undefined;
    else if (log.failure !== undefined) {
      await log[Symbol.asyncDispose]();
      this.#log = undefined;
    }
    Object.assign(this.#disk.next, { store: 'ok', published: 'ok' });
    const isSettled = this.#log !== undefined;
    this.#log ??= await this.#open();
    await this.#compare(this.#log, asked, isSettled);
  }

  #ask({ count, key: keyNumber }: Work): Asked {
    const name = keyNumber === undefined ? `a${this.#askedCount++}` : `k${keyNumber}`;
    // Under a key, what is asked is always the same.
    const size = keyNumber === undefined ? count : keyNumber + 1;
    return { count, key: keyNumber, texts: Array.from({ length: size }, (_, index) => `${name}/${index}`) };
  }

  async #append(log: Log, asked: Asked): Promise<void> {
    const entries = asked.texts.map((text) => Buffer.from(text));
    const options = asked.key === undefined ? {} : { key: { subject, text: `key-${asked.key}` } };
    try {
      asked.firstIndex = (await log.append({ entries, ...options })).firstIndex;
    } catch (error) {
      assert.ok(!isAppError(error) || !neverWritten.includes(error.code) || asked.key !== undefined, 'no key, no wait');
    }
  }

  async #compare(log: Log, asked: readonly Asked[], isSettled: boolean): Promise<void> {
    const stored = await log.store.readEntries(0, log.treeSize);
    const texts = stored.map((entry) => Buffer.from(entry).toString());
    assert.deepEqual(texts.slice(0, this.#entries.length), this.#entries, 'the past stays as it was');
    this.#takeNew(texts, asked, isSettled);
    this.#entries = texts;
    for (const { firstIndex, texts: wanted, key: keyNumber } of asked) {
      if (firstIndex === undefined) continue;
      const found = texts.slice(firstIndex, firstIndex + wanted.length);
      assert.deepEqual(found, wanted, 'what was acknowledged is at its index');
      if (keyNumber === undefined) continue;
      assert.equal(this.#keyed.get(keyNumber) ?? firstIndex, firstIndex, 'a key keeps its index');
      this.#keyed.set(keyNumber, firstIndex);
    }
    assert.equal(new Set(texts).size, texts.length, 'nothing is written twice');
    // The past has been found unchanged: what was checked before still holds.
    for (const [treeSize, { rootHash }] of this.#shown) {
      if (this.#checked.has(treeSize)) continue;
      this.#checked.add(treeSize);
      const root = rootOf(texts.slice(0, treeSize));
      assert.equal(Buffer.from(rootHash).toString('hex'), root, `the checkpoint of ${treeSize} is of the log's past`);
    }
    if (this.#troubles.length > 0) throw this.#troubles[0];
  }

  /** What is new is made of whole works, in the order they were asked; when nothing failed, only of answered ones. */
  #takeNew(texts: readonly string[], asked: readonly Asked[], isSettled: boolean): void {
    let at = this.#entries.length;
    for (const { texts: wanted, firstIndex } of asked) {
      if (texts[at] !== wanted[0] || (isSettled && firstIndex === undefined)) continue;
      assert.deepEqual(texts.slice(at, at + wanted.length), wanted, 'a work is there whole');
      at += wanted.length;
    }
    assert.equal(at, texts.length, 'the log holds nothing that was not asked');
  }
}

function nothing(): undefined {
  return undefined;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** RFC 6962 §2.1, word by word, in hex: nothing of it is the log's own. */
function rootOf(texts: readonly string[]): string {
  const sha256 = (...parts: Uint8Array[]): Buffer =>
    parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
  const hashOf = (leaves: readonly string[]): Buffer => {
    const [first] = leaves;
    if (first === undefined) return sha256();
    if (leaves.length === 1) return sha256(Buffer.of(0), Buffer.from(first));
    const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
    return sha256(Buffer.of(1), hashOf(leaves.slice(0, split)), hashOf(leaves.slice(split)));
  };
  return hashOf(texts).toString('hex');
}
