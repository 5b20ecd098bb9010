import type { AnchorStatus } from '@lucid/common/apis/blockchain';
import { parseSessionId } from '@lucid/common/formats/ids';
import type { Clock } from '@lucid/common/runtime/clock';
import { GroupCommit, type Transaction } from '@lucid/common/storage/group-commit';
import { decodeJson, encodeJson } from '@lucid/common/storage/json';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { keySpace, pageRange, parseUint64be, uint64be } from '@lucid/common/storage/prefix';
import {
  type AnchorRecord,
  type AnchorStore,
  type ChainIdentity,
  isSameContent,
  type RegistrationContent,
  type Settlement,
  type SignedRegistration,
  settled,
  submitted,
} from '../domain/anchor.ts';
import { blockchainError } from '../errors.ts';

/** session id (16 bytes) -> record. */
const records = keySpace('a/');
/** sequence -> session id: all, in the order of arrival. */
const bySequence = keySpace('s/');
/** status letter, sequence -> session id. */
const byStatus = keySpace('t/');
const chainKey = keySpace('m/').key('chain');

const statusLetters: Readonly<Record<AnchorStatus, string>> = {
  queued: 'q',
  submitted: 's',
  confirmed: 'c',
  failed: 'f',
};

export interface AnchorStoreOptions {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  /** Anchors that may be queued or submitted. */
  readonly queueMax: number;
}

/** Opens the queue in a key-value store of its own, with what an earlier process left in it. */
export async function openAnchorStore(options: AnchorStoreOptions): Promise<LevelAnchorStore> {
  const { store } = options;
  let next = 0;
  for await (const [key] of store.range({ ...bySequence.range(), reverse: true, limit: 1 })) {
    next = parseUint64be(bySequence.strip(key)) + 1;
  }
  let waiting = 0;
  for (const status of ['queued', 'submitted'] as const) {
    for await (const _entry of store.range(byStatus.range(statusLetters[status]))) waiting += 1;
  }
  return new LevelAnchorStore(options, next, waiting);
}

/** The queue in LevelDB: one writer, group commit, every answer synced. */
export class LevelAnchorStore implements AnchorStore, AsyncDisposable {
  readonly #store: KeyValueStore;
  readonly #clock: Clock;
  readonly #queueMax: number;
  readonly #commits: GroupCommit;
  #nextSequence: number;
  #waiting: number;

  constructor({ store, clock, queueMax }: AnchorStoreOptions, nextSequence: number, waiting: number) {
    this.#store = store;
    this.#clock = clock;
    this.#queueMax = queueMax;
    this.#commits = new GroupCommit(store);
    this.#nextSequence = nextSequence;
    this.#waiting = waiting;
  }

  /** Why nothing can be written any more, once a write has failed. */
  get failure(): Error | undefined {
    return this.#commits.failure;
  }

  /** Synced groups written so far. */
  get commitCount(): number {
    return this.#commits.groupCount;
  }

  get waitingCount(): number {
    return this.#waiting;
  }

  async create(content: RegistrationContent): Promise<{ record: AnchorRecord; isNew: boolean }> {
    const known = this.find(content.sessionId);
    if (known) requireSame(known, content);
    // What is there and not to be queued again needs no write.
    if (known && known.status !== 'failed') return { record: known, isNew: false };
    return await this.#commits.run((transaction) => this.#create(transaction, content));
  }

  #create(transaction: Transaction, content: RegistrationContent): { record: AnchorRecord; isNew: boolean } {
    const known = findIn(transaction, content.sessionId);
    if (known) requireSame(known, content);
    if (known && known.status !== 'failed') return { record: known, isNew: false };
    if (this.#waiting >= this.#queueMax) {
      const detail = `${this.#waiting} anchors wait for the chain already.`;
      throw blockchainError('ANCHOR_QUEUE_FULL', detail, { retryAfterSec: 5 });
    }
    const now = this.#clock.now();
    const record: AnchorRecord = known
      ? settled(known, { kind: 'requeued' }, now)
      : { ...content, status: 'queued', sequence: this.#nextSequence++, createdAt: now, updatedAt: now, attempts: 0 };
    put(transaction, record, known);
    this.#waiting += 1;
    return { record, isNew: !known };
  }

  find(sessionId: string): AnchorRecord | undefined {
    const bytes = this.#store.findSync(recordKey(sessionId));
    return bytes && decodeJson<AnchorRecord>(bytes);
  }

  async list(options: { status?: AnchorStatus; before?: number; limit: number }): Promise<readonly AnchorRecord[]> {
    const { status, before, limit } = options;
    const parts = status ? [statusLetters[status]] : [];
    const space = status ? byStatus : bySequence;
    const after = before === undefined ? undefined : space.key(...parts, uint64be(before));
    return await this.#read(pageRange(space.range(...parts), { after, reverse: true, limit }));
  }

  async listQueued(limit: number): Promise<readonly AnchorRecord[]> {
    return await this.#read({ ...byStatus.range(statusLetters.queued), limit });
  }

  async listSubmitted(): Promise<readonly AnchorRecord[]> {
    const found = await this.#read(byStatus.range(statusLetters.submitted));
    return found.toSorted((a, b) => (a.signed?.nonce ?? 0) - (b.signed?.nonce ?? 0));
  }

  async #read(range: Parameters<KeyValueStore['range']>[0]): Promise<AnchorRecord[]> {
    const found: AnchorRecord[] = [];
    for await (const [, id] of this.#store.range(range)) {
      const bytes = this.#store.findSync(records.key(id));
      if (bytes) found.push(decodeJson<AnchorRecord>(bytes));
    }
    return found;
  }

  async markSubmitted(signed: ReadonlyMap<string, SignedRegistration>): Promise<readonly AnchorRecord[]> {
    return await this.#commits.run((transaction) => {
      const now = this.#clock.now();
      return [...signed].map(([sessionId, registration]) => {
        const record = getIn(transaction, sessionId);
        return put(transaction, submitted(record, registration, now), record);
      });
    });
  }

  async settle(settlements: ReadonlyMap<string, Settlement>): Promise<void> {
    await this.#commits.run((transaction) => {
      const now = this.#clock.now();
      for (const [sessionId, settlement] of settlements) {
        const record = getIn(transaction, sessionId);
        put(transaction, settled(record, settlement, now), record);
        if (settlement.kind !== 'requeued') this.#waiting -= 1;
      }
    });
  }

  async bindChain(chain: ChainIdentity): Promise<ChainIdentity> {
    return await this.#commits.run((transaction) => {
      const bound = transaction.find(chainKey);
      if (bound) return decodeJson<ChainIdentity>(bound);
      transaction.put(chainKey, encodeJson(chain));
      return chain;
    });
  }

  /** Waits for writes that were taken. The store below is its opener's to close. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commits[Symbol.asyncDispose]();
  }
}

function recordKey(sessionId: string): Uint8Array {
  return records.key(parseSessionId(sessionId));
}

function statusKey({ status, sequence }: AnchorRecord): Uint8Array {
  return byStatus.key(statusLetters[status], uint64be(sequence));
}

function findIn(transaction: Transaction, sessionId: string): AnchorRecord | undefined {
  const bytes = transaction.find(recordKey(sessionId));
  return bytes && decodeJson<AnchorRecord>(bytes);
}

function getIn(transaction: Transaction, sessionId: string): AnchorRecord {
  const record = findIn(transaction, sessionId);
  if (!record) throw blockchainError('ANCHOR_NOT_FOUND', `Session ${sessionId} has no anchor.`);
  return record;
}

/** Writes the record and its places in the indexes. */
function put(transaction: Transaction, record: AnchorRecord, before: AnchorRecord | undefined): AnchorRecord {
  const id = parseSessionId(record.sessionId);
  transaction.put(records.key(id), encodeJson(record));
  if (before) transaction.del(statusKey(before));
  else transaction.put(bySequence.key(uint64be(record.sequence)), id);
  transaction.put(statusKey(record), id);
  return record;
}

function requireSame(known: AnchorRecord, content: RegistrationContent): void {
  if (isSameContent(known, content)) return;
  throw blockchainError('ANCHOR_CONFLICT', `Session ${content.sessionId} has an anchor with other content.`);
}
