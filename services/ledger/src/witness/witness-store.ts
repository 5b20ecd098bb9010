import { randomBytes } from 'node:crypto';
import { AppError } from '@lucid/common/errors';
import { utf8 } from '@lucid/common/formats/bytes';
import { sha256 } from '@lucid/common/formats/sha256';
import { GroupCommit } from '@lucid/common/storage/group-commit';
import { decodeJson, encodeJson } from '@lucid/common/storage/json';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { concatKey } from '@lucid/common/storage/prefix';
import { startError } from '../errors.ts';
import { SequenceFile, type StoreMark } from './sequence-file.ts';

/** The checkpoint of a log that was cosigned last. */
export type WitnessedCheckpoint = {
  readonly origin: string;
  readonly treeSize: number;
  /** Base 64. */
  readonly rootHash: string;
  /** POSIX seconds. */
  readonly cosignedAt: number;
  /** Signature lines of the cosignatures that were answered. */
  readonly cosignatures: string;
  /** The text, the log's own signature lines, and the cosignatures. */
  readonly note: string;
};

/**
 * What a witness remembers of each log. `replace` is a compare-and-swap on the size: it throws WITNESS_STATE_MOVED
 * unless what is stored has `previousSize` (undefined for nothing), and is durable when it resolves.
 */
export interface WitnessStore extends AsyncDisposable {
  find(originHash: Uint8Array): Promise<WitnessedCheckpoint | undefined>;
  replace(previousSize: number | undefined, next: WitnessedCheckpoint): Promise<void>;
}

export type WitnessStoreOptions = {
  readonly open: () => Promise<KeyValueStore>;
  /** Where the mark is kept, best on another disk than the store. */
  readonly sequencePath: string;
  /** Take a store whose mark is lost: an operator's word, once. */
  readonly adoptStore: boolean;
};

type Opened = { readonly store: KeyValueStore; readonly commits: GroupCommit; readonly mark: SequenceFile };

const markKey = concatKey(Uint8Array.of(0));
const checkpointKey = (originHash: Uint8Array): Uint8Array => concatKey(Uint8Array.of(1), originHash);

/** SHA-256 of a log's origin: how the protocol names a log in a path. */
export function originHashOf(origin: string): Uint8Array {
  return sha256(utf8(origin));
}

/**
 * Opens the state of a witness. Throws LEDGER_WITNESS_STATE_BEHIND when it is an older copy, or another, than the one
 * that answered last: it would cosign what contradicts what it cosigned. LEDGER_WITNESS_MARK_MISSING when that cannot be
 * told.
 */
export async function openWitnessStore(options: WitnessStoreOptions): Promise<WitnessStore> {
  return new LevelWitnessStore(options, await openParts(options));
}

async function openParts({ open, sequencePath, adoptStore }: WitnessStoreOptions): Promise<Opened> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(await open());
  const mark = stack.use(await SequenceFile.open(sequencePath));
  const stored = store.findSync(markKey);
  requireNotBehind(stored ? decodeJson<StoreMark>(stored) : undefined, mark.mark, adoptStore);
  const commits = stack.use(new GroupCommit(store));
  stack.move();
  return { store, commits, mark };
}

function requireNotBehind(stored: StoreMark | undefined, mark: StoreMark | undefined, adoptStore: boolean): void {
  if (mark === undefined) {
    if (stored === undefined || adoptStore) return;
    throw startError(
      'LEDGER_WITNESS_MARK_MISSING',
      'Start once with LEDGER_ADOPT_STORE=true if the store is its newest.',
    );
  }
  if (stored?.storeId === mark.storeId && stored.sequence >= mark.sequence) return;
  const said = stored ? `${stored.sequence} changes of store ${stored.storeId}` : 'nothing';
  throw startError(
    'LEDGER_WITNESS_STATE_BEHIND',
    `It has ${said}; ${mark.sequence} of store ${mark.storeId} were answered for. A lost state needs a new witness key.`,
  );
}

/** A write that failed closes it; the next request opens it anew from what is on the disk. */
class LevelWitnessStore implements WitnessStore {
  readonly #options: WitnessStoreOptions;
  #opened: Opened | undefined;
  #opening: Promise<Opened> | undefined;
  #closing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: WitnessStoreOptions, opened: Opened) {
    this.#options = options;
    this.#opened = opened;
  }

  async find(originHash: Uint8Array): Promise<WitnessedCheckpoint | undefined> {
    const { store } = await this.#parts();
    const bytes = await store.find(checkpointKey(originHash));
    return bytes === undefined ? undefined : decodeJson<WitnessedCheckpoint>(bytes);
  }

  async replace(previousSize: number | undefined, next: WitnessedCheckpoint): Promise<void> {
    const opened = await this.#parts();
    const { commits, mark } = opened;
    const key = checkpointKey(originHashOf(next.origin));
    try {
      const reached = await commits.run((transaction) => {
        const stored = transaction.find(key);
        const size = stored === undefined ? undefined : decodeJson<WitnessedCheckpoint>(stored).treeSize;
        if (size !== previousSize)
          throw new AppError('WITNESS_STATE_MOVED', 'Another checkpoint was cosigned meanwhile');
        const bytes = transaction.find(markKey);
        const last = bytes === undefined ? createMark() : decodeJson<StoreMark>(bytes);
        const now = { ...last, sequence: last.sequence + 1 };
        transaction.put(markKey, encodeJson(now));
        transaction.put(key, encodeJson(next));
        return now;
      });
      await mark.raise(reached);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'WITNESS_STATE_MOVED') await this.#abandon(opened);
      throw error;
    }
  }

  async #parts(): Promise<Opened> {
    if (this.#isClosed) throw new AppError('STORE_CLOSED', 'The witness is closing', { status: 503 });
    if (this.#opened) return this.#opened;
    this.#opening ??= this.#closing
      .then(() => openParts(this.#options))
      .finally(() => {
        this.#opening = undefined;
      });
    this.#opened = await this.#opening;
    return this.#opened;
  }

  /** The outcome of a failed write is unknown: what is on the disk says, once opened anew, which waits for the closing. */
  async #abandon(opened: Opened): Promise<void> {
    if (this.#opened === opened) {
      this.#opened = undefined;
      this.#closing = closeParts(opened).catch(() => undefined);
    }
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => undefined);
    if (this.#opened) await this.#abandon(this.#opened);
    await this.#closing;
  }
}

function createMark(): StoreMark {
  return { storeId: randomBytes(16).toString('hex'), sequence: 0 };
}

async function closeParts({ store, commits, mark }: Opened): Promise<void> {
  await commits[Symbol.asyncDispose]();
  await mark[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
}
