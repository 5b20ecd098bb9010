import { access, type FileHandle, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@lucid/common/errors';
import { concatBytes, equalBytes, parseUtf8 } from '@lucid/common/formats/bytes';
import { CHUNK_HEADER_SIZE, type ChunkHeader, chunkHeaderHash, parseChunkHeader } from '@lucid/common/formats/chunk';
import { sha256 } from '@lucid/common/formats/sha256';
import { createFolderDurably, syncFolder, writeDurably } from './durable-file.ts';
import { FolderLock } from './folder-lock.ts';
import type { KeptSeal, OpenedSession, RecordingPlan } from './recording.ts';

/** A chunk as it is sent: the same bytes at every attempt. */
export interface SealedChunk {
  readonly header: Uint8Array;
  readonly signature: Uint8Array;
  /** Ciphertext and tag. */
  readonly stored: Uint8Array<ArrayBuffer>;
}

const SIGNATURE_SIZE = 64;
const RECORD_SIZE = CHUNK_HEADER_SIZE + SIGNATURE_SIZE;
const PLAN = 'plan.json';
const SESSION = 'session.json';
const SEAL = 'seal.json';
const HEADERS = 'headers.log';

/**
 * What a recorder must not lose, in a folder of its own: the plan with its keys, the headers of all chunks cut, and
 * the content of those the platform has not acknowledged. A chunk is sent only after it is synced here, so a recorder
 * killed at any instant sends the same bytes again. Locked: one recorder at a time; readable by its owner alone.
 */
export class Journal implements AsyncDisposable {
  readonly plan: RecordingPlan;
  readonly #folder: string;
  readonly #lock: FolderLock;
  readonly #headersFile: FileHandle;
  readonly #headers: Uint8Array[];
  readonly #pending: Set<number>;
  #session: OpenedSession | undefined;
  #seal: KeptSeal | undefined;
  #plainBytes = 0;
  #cipherBytes = 0;
  #lastCapturedAt: number;
  #isAppending = false;
  /** The write that failed: what the disk holds is unknown until the journal is opened again. */
  #failure: unknown;

  private constructor(parts: JournalParts) {
    this.plan = parts.plan;
    this.#folder = parts.folder;
    this.#lock = parts.lock;
    this.#headersFile = parts.headersFile;
    this.#headers = [];
    this.#pending = new Set(parts.pending);
    this.#session = parts.session;
    this.#seal = parts.seal;
    this.#lastCapturedAt = parts.plan.startedAt;
    for (const header of parts.headers) this.#count(header);
  }

  /** Starts a journal in an empty or new folder; AppError JOURNAL_EXISTS where one is, JOURNAL_LOCKED. */
  static async create(folder: string, plan: RecordingPlan): Promise<Journal> {
    await requireNone(folder);
    await createFolderDurably(chunkFolder(folder));
    return await Journal.#underLock(folder, async () => {
      await requireNone(folder);
      await writeDurably(join(folder, PLAN), JSON.stringify(plan));
    });
  }

  /** Opens a journal after any crash; AppError JOURNAL_NOT_FOUND, JOURNAL_CORRUPT or JOURNAL_LOCKED. */
  static async open(folder: string): Promise<Journal> {
    await readPlan(folder);
    return await Journal.#underLock(folder);
  }

  static async #underLock(folder: string, prepare?: () => Promise<void>): Promise<Journal> {
    await using stack = new AsyncDisposableStack();
    const lock = stack.use(await FolderLock.acquire(folder));
    await prepare?.();
    const plan = await readPlan(folder);
    const session = await readJson<OpenedSession>(join(folder, SESSION));
    const seal = await readJson<KeptSeal>(join(folder, SEAL));
    const pending = await listChunks(folder);
    const headersFile = stack.use(await open(join(folder, HEADERS), 'a+', 0o600));
    await syncFolder(folder);
    const headers = await recoverHeaders(folder, headersFile, pending);
    stack.move();
    return new Journal({ folder, lock, plan, session, seal, headersFile, headers, pending });
  }

  get session(): OpenedSession | undefined {
    return this.#session;
  }

  get seal(): KeptSeal | undefined {
    return this.#seal;
  }

  get chunkCount(): number {
    return this.#headers.length;
  }

  /** Bytes of the recording that are safe here: where its source goes on after a crash. */
  get plainBytes(): number {
    return this.#plainBytes;
  }

  get cipherBytes(): number {
    return this.#cipherBytes;
  }

  /** The encoded headers, by index. */
  get headers(): readonly Uint8Array[] {
    return this.#headers;
  }

  /** Indexes of chunks not acknowledged, rising. */
  get pending(): readonly number[] {
    return [...this.#pending].toSorted((left, right) => left - right);
  }

  /** When the last chunk was captured, or else the recording began: no later chunk is of before, whatever the clock. */
  get lastCapturedAt(): number {
    return this.#lastCapturedAt;
  }

  /** What the next chunk's header names: the hash of the last one's. */
  get lastHeaderHash(): Uint8Array {
    const last = this.#headers.at(-1);
    return last === undefined ? new Uint8Array(32) : chunkHeaderHash(last);
  }

  async keepSession(session: OpenedSession): Promise<void> {
    await writeDurably(join(this.#folder, SESSION), JSON.stringify(session));
    this.#session = session;
  }

  async keepSeal(seal: KeptSeal): Promise<void> {
    await writeDurably(join(this.#folder, SEAL), JSON.stringify(seal));
    this.#seal = seal;
  }

  /**
   * Takes the next chunk; when this resolves it survives a crash. The content first, then the header that counts it.
   * @throws AppError RECORDING_SEALED once the seal is made: it counts the chunks; JOURNAL_FAILED after a write failed
   */
  async append({ header, signature, stored }: SealedChunk): Promise<number> {
    const { chunkIndex } = parseChunkHeader(header);
    if (chunkIndex !== this.#headers.length || this.#isAppending)
      throw new RangeError(`chunk ${chunkIndex} is not the next one`);
    if (this.#seal !== undefined) {
      throw new AppError('RECORDING_SEALED', 'The recording is sealed; nothing can be added.', { status: 409 });
    }
    if (this.#failure !== undefined) {
      const detail = `A write to ${this.#folder} failed; open the recording again to go on.`;
      throw new AppError('JOURNAL_FAILED', detail, { cause: this.#failure });
    }
    this.#isAppending = true;
    try {
      await writeDurably(chunkPath(this.#folder, chunkIndex), concatBytes(header, signature, stored));
      await this.#headersFile.appendFile(concatBytes(header, signature));
      await this.#headersFile.datasync();
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#isAppending = false;
    }
    this.#count(header);
    this.#pending.add(chunkIndex);
    return chunkIndex;
  }

  #count(header: Uint8Array): void {
    const { plainSize, cipherSize, capturedAt } = parseChunkHeader(header);
    this.#headers.push(header);
    this.#lastCapturedAt = capturedAt;
    this.#plainBytes += plainSize;
    this.#cipherBytes += cipherSize;
  }

  /** A chunk that is not acknowledged yet, as it was cut. */
  async readChunk(chunkIndex: number): Promise<SealedChunk> {
    const chunk = await readChunkFile(this.#folder, chunkIndex);
    if (chunk === undefined) throw corrupt(`chunk ${chunkIndex} is damaged`);
    return chunk;
  }

  /** Forgets the content of a chunk the platform has. */
  async drop(chunkIndex: number): Promise<void> {
    await rm(chunkPath(this.#folder, chunkIndex), { force: true });
    this.#pending.delete(chunkIndex);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#headersFile.close();
    await this.#lock[Symbol.asyncDispose]();
  }
}

interface JournalParts {
  readonly folder: string;
  readonly lock: FolderLock;
  readonly plan: RecordingPlan;
  readonly session: OpenedSession | undefined;
  readonly seal: KeptSeal | undefined;
  readonly headersFile: FileHandle;
  readonly headers: readonly Uint8Array[];
  readonly pending: readonly number[];
}

function corrupt(detail: string): AppError {
  return new AppError('JOURNAL_CORRUPT', `The recording's journal is not usable: ${detail}.`);
}

function chunkFolder(folder: string): string {
  return join(folder, 'chunks');
}

function chunkPath(folder: string, chunkIndex: number): string {
  return join(chunkFolder(folder), `${String(chunkIndex).padStart(6, '0')}.chunk`);
}

async function listChunks(folder: string): Promise<number[]> {
  const names = await readdir(chunkFolder(folder));
  for (const name of names) if (name.endsWith('.part')) await rm(join(chunkFolder(folder), name));
  await syncFolder(chunkFolder(folder));
  return names.filter((name) => /^[0-9]{6,}\.chunk$/u.test(name)).map((name) => Number.parseInt(name, 10));
}

/** A chunk file whole and true to its header; undefined for any other. */
async function readChunkFile(folder: string, chunkIndex: number): Promise<SealedChunk | undefined> {
  const bytes = new Uint8Array(await readFile(chunkPath(folder, chunkIndex)));
  const header = readHeader(bytes.slice(0, CHUNK_HEADER_SIZE));
  const stored = bytes.subarray(RECORD_SIZE);
  if (header?.chunkIndex !== chunkIndex || !equalBytes(sha256(stored), header.cipherDigest)) return undefined;
  return { header: bytes.slice(0, CHUNK_HEADER_SIZE), signature: bytes.slice(CHUNK_HEADER_SIZE, RECORD_SIZE), stored };
}

function readHeader(bytes: Uint8Array): ChunkHeader | undefined {
  try {
    return parseChunkHeader(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Reads the log of headers. A crash leaves at most one torn record, at its end, and the chunk it is of; the record is
 * cut off, and the chunk that was synced but not logged is added. Anything else wrong was no crash, and is not touched.
 */
async function recoverHeaders(folder: string, file: FileHandle, pending: readonly number[]): Promise<Uint8Array[]> {
  const log = new Uint8Array(await file.readFile());
  const headers: Uint8Array[] = [];
  for (let offset = 0; offset + RECORD_SIZE <= log.length; offset += RECORD_SIZE) {
    const bytes = log.slice(offset, offset + CHUNK_HEADER_SIZE);
    if (!follows(bytes, headers)) break;
    headers.push(bytes);
  }
  const count = headers.length;
  const next = pending.includes(count) ? await readChunkFile(folder, count) : undefined;
  const isNext = next !== undefined && follows(next.header, headers);
  const tornSize = log.length - count * RECORD_SIZE;
  if (tornSize > RECORD_SIZE || (tornSize > 0 && !isNext)) throw corrupt(`the header of chunk ${count} is damaged`);
  const stranger = pending.find((index) => index > count || (index === count && !isNext));
  if (stranger !== undefined) throw corrupt(`chunk ${stranger} does not follow the chunks before it`);
  if (tornSize > 0) await file.truncate(count * RECORD_SIZE);
  if (isNext) {
    await file.appendFile(concatBytes(next.header, next.signature));
    headers.push(next.header);
  }
  await file.datasync();
  return headers;
}

function follows(bytes: Uint8Array, headers: readonly Uint8Array[]): boolean {
  const header = readHeader(bytes);
  const last = headers.at(-1);
  const previousHash = last === undefined ? new Uint8Array(32) : chunkHeaderHash(last);
  return header?.chunkIndex === headers.length && equalBytes(header.previousHash, previousHash);
}

async function requireNone(folder: string): Promise<void> {
  const isStarted = await access(join(folder, PLAN)).then(
    () => true,
    () => false,
  );
  if (isStarted) throw new AppError('JOURNAL_EXISTS', `${folder} holds a recording already.`, { status: 409 });
}

async function readPlan(folder: string): Promise<RecordingPlan> {
  const plan = await readJson<RecordingPlan>(join(folder, PLAN));
  if (plan === undefined) throw new AppError('JOURNAL_NOT_FOUND', `${folder} holds no recording.`, { status: 404 });
  return plan;
}

/** A file of the journal's own, written whole or not at all. */
async function readJson<T>(path: string): Promise<T | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(parseUtf8(bytes)) as T;
  } catch (cause) {
    throw new AppError('JOURNAL_CORRUPT', `${path} is not what a recorder writes.`, { cause });
  }
}
