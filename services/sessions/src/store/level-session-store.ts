import { createHash } from 'node:crypto';
import type { GroupCommit, Transaction } from '@lucid/common/storage/group-commit';
import { decodeJson, encodeJson } from '@lucid/common/storage/json';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import type { Outbox } from '@lucid/common/storage/outbox';
import { keySpace, pageRange, parseUint64be, uint64be } from '@lucid/common/storage/prefix';
import { type ChunkRecord, type FindChunk, requireSame } from '../domain/chunk.ts';
import type { SealRecord } from '../domain/seal.ts';
import { isOpen, type SessionRecord } from '../domain/session.ts';
import type { Companion, ListPage, SessionStore } from '../domain/session-store.ts';
import { sessionError } from '../errors.ts';

/** What is delivered to the ledger or the chain: the session says the rest. */
export interface SettlementOrder {
  readonly sessionId: string;
}

export interface LevelSessionStoreOptions {
  readonly store: KeyValueStore;
  /** The one writer of the store's session keys. */
  readonly writer: GroupCommit;
  /** Seals to write to the ledger. */
  readonly seals: Outbox<SettlementOrder>;
  /** Anchors to order from the chain. */
  readonly anchors: Outbox<SettlementOrder>;
}

const sessions = keySpace('session/');
const chunks = keySpace('chunk/');
const sealed = keySpace('seal/');
/** Sessions by time of opening: all, and for each subject that owns or joined them. */
const byTime = keySpace('time/');
const bySubject = keySpace('subject/');
const openCounts = keySpace('open/');
const recording = keySpace('recording/');
const followed = keySpace('follow/');

const headerBytes = 129;

/** Sessions in an embedded ordered store. See `SessionStore` for the contract. */
export function createLevelSessionStore(options: LevelSessionStoreOptions): SessionStore {
  return { ...sessionPart(options), ...chunkPart(options), ...settlementPart(options) };
}

type SessionPart = Pick<
  SessionStore,
  'addSession' | 'findSession' | 'changeSession' | 'listSessions' | 'readRecording'
>;

function sessionPart({ store, writer }: LevelSessionStoreOptions): SessionPart {
  return {
    addSession: (session, openMax, companion) =>
      writer.run((transaction) => {
        if (readCount(transaction, session.ownerId) >= openMax) {
          const detail = `${openMax} of your sessions are open; seal one first.`;
          throw sessionError('SESSION_LIMIT_REACHED', detail, { data: { openMax } });
        }
        putSession(transaction, undefined, session);
        companion?.(transaction, session);
      }),
    findSession: async (sessionId) => {
      const value = await store.find(sessions.key(sessionId));
      return value && decodeJson<SessionRecord>(value);
    },
    changeSession: (sessionId, change, companion) =>
      writer.run((transaction) => changeIn(transaction, sessionId, change, companion)),
    listSessions: (subject, page) => listSessions(store, subject, page),
    readRecording: async function* () {
      for await (const [key] of store.range(recording.range())) yield idIn(recording.strip(key));
    },
  };
}

type ChunkPart = Pick<SessionStore, 'addChunk' | 'findChunk' | 'listChunks' | 'readChunks'>;

function chunkPart({ store, writer }: LevelSessionStoreOptions): ChunkPart {
  const inSession = (sessionId: string) => chunks.range(sessionId, '/');
  return {
    addChunk: (chunk, place) => writer.run((transaction) => addChunkIn(transaction, chunk, place)),
    findChunk: async (sessionId, chunkIndex) => {
      const value = await store.find(chunkKey(sessionId, chunkIndex));
      return value && decodeChunk(sessionId, chunkIndex, value);
    },
    listChunks: async (sessionId, from, limit) => {
      const range = { gte: chunkKey(sessionId, from), lt: inSession(sessionId).lt, limit };
      const found: ChunkRecord[] = [];
      for await (const [key, value] of store.range(range)) found.push(decodeEntry(sessionId, key, value));
      return found;
    },
    readChunks: async function* (sessionId) {
      for await (const [key, value] of store.range(inSession(sessionId))) yield decodeEntry(sessionId, key, value);
    },
  };
}

type SettlementPart = Pick<
  SessionStore,
  'addSeal' | 'findSeal' | 'addReceipt' | 'followAnchor' | 'listFollowed' | 'addAnchor'
>;

function settlementPart({ store, writer, seals, anchors }: LevelSessionStoreOptions): SettlementPart {
  return {
    addSeal: (seal, change) =>
      writer.run((transaction) => {
        const isSealed = readSession(transaction, seal.sessionId).seal !== undefined;
        const after = changeIn(transaction, seal.sessionId, change);
        if (isSealed) return after;
        transaction.put(sealed.key(seal.sessionId), encodeJson(seal));
        seals.append(transaction, { sessionId: seal.sessionId }, seal.manifestHash);
        return after;
      }),
    findSeal: async (sessionId) => {
      const value = await store.find(sealed.key(sessionId));
      return value && decodeJson<SealRecord>(value);
    },
    addReceipt: (sessionId, receipt, change) =>
      writer.run((transaction) => {
        const seal = readSeal(transaction, sessionId);
        transaction.put(sealed.key(sessionId), encodeJson({ ...seal, receipt }));
        anchors.append(transaction, { sessionId }, seal.manifestHash);
        return changeIn(transaction, sessionId, change);
      }),
    followAnchor: (sessionId) =>
      writer.run((transaction) => transaction.put(followed.key(sessionId), new Uint8Array())),
    listFollowed: async (limit) => {
      const found: string[] = [];
      for await (const [key] of store.range({ ...followed.range(), limit })) {
        found.push(idIn(followed.strip(key)));
      }
      return found;
    },
    addAnchor: (sessionId, anchor, change) =>
      writer.run((transaction) => {
        transaction.put(sealed.key(sessionId), encodeJson({ ...readSeal(transaction, sessionId), anchor }));
        transaction.del(followed.key(sessionId));
        return changeIn(transaction, sessionId, change);
      }),
  };
}

function readSession(transaction: Transaction, sessionId: string): SessionRecord {
  const value = transaction.find(sessions.key(sessionId));
  if (value) return decodeJson<SessionRecord>(value);
  throw sessionError('SESSION_NOT_FOUND', 'There is no such session.');
}

function readSeal(transaction: Transaction, sessionId: string): SealRecord {
  const value = transaction.find(sealed.key(sessionId));
  if (value) return decodeJson<SealRecord>(value);
  throw sessionError('SESSION_NOT_SEALED', 'The session is not sealed.');
}

function changeIn(
  transaction: Transaction,
  sessionId: string,
  change: (session: SessionRecord) => SessionRecord,
  companion?: Companion,
): SessionRecord {
  const before = readSession(transaction, sessionId);
  const after = change(before);
  if (after !== before) putSession(transaction, before, after);
  companion?.(transaction, after);
  return after;
}

function idIn(key: Uint8Array): string {
  return Buffer.from(key).toString('utf8');
}

/** Writes a session with what is derived from it: its places in the lists, its owner's count of open ones. */
function putSession(transaction: Transaction, before: SessionRecord | undefined, after: SessionRecord): void {
  const id = Buffer.from(after.sessionId);
  if (!before) transaction.put(byTime.key(timeKey(after)), id);
  const known = before ? subjectsOf(before) : new Set<string>();
  for (const subject of subjectsOf(after)) {
    if (!known.has(subject)) transaction.put(bySubject.key(digestOf(subject), timeKey(after)), id);
  }
  const change = Number(isOpen(after)) - Number(before !== undefined && isOpen(before));
  if (change !== 0) {
    const count = readCount(transaction, after.ownerId) + change;
    transaction.put(openCounts.key(digestOf(after.ownerId)), uint64be(count));
  }
  if (after.state !== before?.state) {
    if (after.state === 'recording') transaction.put(recording.key(after.sessionId), new Uint8Array());
    else transaction.del(recording.key(after.sessionId));
  }
  transaction.put(sessions.key(after.sessionId), encodeJson(after));
}

function readCount(transaction: Transaction, ownerId: string): number {
  const value = transaction.find(openCounts.key(digestOf(ownerId)));
  return value ? parseUint64be(value) : 0;
}

function subjectsOf({ ownerId, members }: SessionRecord): Set<string> {
  return new Set([ownerId, ...members.map(({ subject }) => subject)]);
}

/** Subjects are of any length and content; their digests make keys of one length. */
function digestOf(subject: string): Uint8Array {
  return createHash('sha256').update(subject).digest();
}

function timeKey({ createdAt, sessionId }: { readonly createdAt: number; readonly sessionId: string }): Uint8Array {
  return Buffer.concat([uint64be(createdAt), Buffer.from(sessionId)]);
}

async function listSessions(
  store: KeyValueStore,
  subject: string | undefined,
  { limit, after }: ListPage,
): Promise<SessionRecord[]> {
  const [space, scope] = subject === undefined ? [byTime, []] : [bySubject, [digestOf(subject)]];
  const from = after ? space.key(...scope, timeKey(after)) : undefined;
  const found: SessionRecord[] = [];
  for await (const [, id] of store.range(pageRange(space.range(...scope), { after: from, reverse: true, limit }))) {
    const value = await store.get(sessions.key(id));
    found.push(decodeJson<SessionRecord>(value));
  }
  return found;
}

function chunkKey(sessionId: string, chunkIndex: number): Uint8Array {
  return chunks.key(sessionId, '/', chunkIndex);
}

function decodeEntry(sessionId: string, key: Uint8Array, value: Uint8Array): ChunkRecord {
  return decodeChunk(sessionId, parseUint64be(key, key.length - 8), value);
}

function decodeChunk(sessionId: string, chunkIndex: number, value: Uint8Array): ChunkRecord {
  return { sessionId, chunkIndex, header: value.subarray(0, headerBytes), signature: value.subarray(headerBytes) };
}

function addChunkIn(
  transaction: Transaction,
  chunk: ChunkRecord,
  place: (session: SessionRecord, find: FindChunk) => SessionRecord,
): { session: SessionRecord; isNew: boolean } {
  const { sessionId, chunkIndex } = chunk;
  const before = readSession(transaction, sessionId);
  const find: FindChunk = (index) => {
    const value = index < 0 ? undefined : transaction.find(chunkKey(sessionId, index));
    return value && decodeChunk(sessionId, index, value);
  };
  const stored = find(chunkIndex);
  if (stored) {
    requireSame(stored, chunk);
    return { session: before, isNew: false };
  }
  const session = place(before, find);
  putSession(transaction, before, session);
  transaction.put(chunkKey(sessionId, chunkIndex), Buffer.concat([chunk.header, chunk.signature]));
  return { session, isNew: true };
}
