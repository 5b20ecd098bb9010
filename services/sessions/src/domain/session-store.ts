import type { BatchWriter } from '@lucid/common/storage/kv';
import type { ChunkRecord, FindChunk } from './chunk.ts';
import type { SealRecord } from './seal.ts';
import type { SessionRecord } from './session.ts';

/** Something else to write in the same batch, such as the stored answer of an idempotent request. */
export type Companion = (batch: BatchWriter, session: SessionRecord) => void;

export interface ListPage {
  readonly limit: number;
  /** The last item of the page before. */
  readonly after?: { readonly createdAt: number; readonly sessionId: string };
}

/**
 * Where sessions, chunk records and seals are kept.
 *
 * The contract, which `test/store/session-store-contract.ts` checks of every implementation:
 * - Durable: a write that has resolved survives kill -9 and a power cut.
 * - Atomic: a write is applied whole or not at all, with its companion and the orders to ledger and chain it implies.
 * - Serial: the functions passed in (`change`, `place`) see the latest record and run one after another; they are
 *   pure and may be run again. What they throw is thrown to the caller, and nothing is written.
 * - A read sees every write that resolved before it began.
 */
export interface SessionStore {
  /** @throws SESSION_LIMIT_REACHED when the owner has `openMax` sessions that are not sealed */
  addSession(session: SessionRecord, openMax: number, companion?: Companion): Promise<void>;
  findSession(sessionId: string): Promise<SessionRecord | undefined>;
  /** Replaces a session by what `change` makes of it. @throws SESSION_NOT_FOUND */
  changeSession(
    sessionId: string,
    change: (session: SessionRecord) => SessionRecord,
    companion?: Companion,
  ): Promise<SessionRecord>;
  /** Newest first: all sessions, or those a subject owns or joined. */
  listSessions(subject: string | undefined, page: ListPage): Promise<SessionRecord[]>;
  /** Sessions that take chunks now. */
  readRecording(): AsyncIterable<string>;

  /**
   * Adds a chunk and replaces the session by what `place` makes of it; a chunk that is there already, the same, is
   * left alone. @throws SESSION_CHUNK_CONFLICT when another one is there
   */
  addChunk(
    chunk: ChunkRecord,
    place: (session: SessionRecord, find: FindChunk) => SessionRecord,
  ): Promise<{ readonly session: SessionRecord; readonly isNew: boolean }>;
  findChunk(sessionId: string, chunkIndex: number): Promise<ChunkRecord | undefined>;
  /** By rising index, from `from` on. */
  listChunks(sessionId: string, from: number, limit: number): Promise<ChunkRecord[]>;
  /** Every chunk by rising index, without holding them all. */
  readChunks(sessionId: string): AsyncIterable<ChunkRecord>;

  /** Keeps the seal, replaces the session, and orders the ledger's entry. */
  addSeal(seal: SealRecord, change: (session: SessionRecord) => SessionRecord): Promise<SessionRecord>;
  findSeal(sessionId: string): Promise<SealRecord | undefined>;
  /** Keeps the ledger's receipt, replaces the session, and orders the anchor. */
  addReceipt(
    sessionId: string,
    receipt: string,
    change: (session: SessionRecord) => SessionRecord,
  ): Promise<SessionRecord>;
  /** Notes that the anchor is queued and has to be followed until it is confirmed. */
  followAnchor(sessionId: string): Promise<void>;
  /** Sessions whose anchor is queued and not confirmed, at most `limit`. */
  listFollowed(limit: number): Promise<string[]>;
  /** Keeps the anchor's proof, replaces the session, and ends the following. */
  addAnchor(
    sessionId: string,
    anchor: NonNullable<SealRecord['anchor']>,
    change: (session: SessionRecord) => SessionRecord,
  ): Promise<SessionRecord>;
}
