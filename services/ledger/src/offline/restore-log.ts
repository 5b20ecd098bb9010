import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { equalBytes } from '@lucid/common/formats/bytes';
import { type Checkpoint, parseCheckpoint, signCheckpoint } from '@lucid/common/formats/checkpoint';
import { openLevelStore } from '@lucid/common/storage/level-store';
import type { Log } from '../domain/log.ts';
import { type LogKey, openLogKey, signersOf } from '../domain/log-key.ts';
import type { PublishedStore } from '../domain/log-store.ts';
import { openLog } from '../domain/open-log.ts';
import { rootAt } from '../domain/proofs.ts';
import { LevelLogStore } from '../store/level-log-store.ts';
import { openPublishedFile } from '../store/published-file.ts';
import { databaseIn, exists, type LogFolders, publishedPath, storePath, syncFolder } from './folders.ts';
import { restoreError } from './offline-errors.ts';

export type RestoreLogOptions = {
  readonly folders: LogFolders;
  /** The backup's checkpoint, its signatures checked by the caller. */
  readonly note: string;
  /** Reads the backup's entries in order, packed (each after its uint16 size), from the first on; anew at each call. */
  readonly bundles: () => AsyncIterable<{ readonly bytes: Uint8Array; readonly count: number }>;
  /**
   * Go on though nothing here says what was published last, or only an older copy does: an operator's word that nobody
   * holds a newer checkpoint than the backup's.
   */
  readonly adopt?: boolean;
  /** Start another log with the backup's entries, under an origin and a key (PKCS#8 PEM) of its own. */
  readonly successor?: { readonly origin: string; readonly keyPem: string };
  readonly onProgress?: (entryCount: number) => void;
};

export type RestoredLog = {
  readonly origin: string;
  readonly treeSize: number;
  /** Entries that a run before, which was stopped, had restored. */
  readonly resumedAt: number;
};

/** Entries on their way into the store, in bytes; a single bundle may have 16 MiB. */
const bytesInFlight = 8 << 20;
const bundlesInFlight = 32;

/**
 * Restores a log from a backup into a data folder that has none, through the ledger's own commits. Offline: the published
 * checkpoint is held open from the first to the last step, so no ledger and no other restore runs on the folders. The
 * order is what makes a fork impossible whenever it is stopped: where nothing was published, that first becomes the
 * backup's checkpoint, so that no ledger starts on less; the entries go into a folder beside the log's, and must lead to
 * the backup's root and contain what was published; then the published checkpoint becomes the backup's, and last the
 * folder becomes the log's. Run again, it goes on. Throws the codes of `restoreErrors`, STORE_LOCKED,
 * LEDGER_PUBLISHED_LOCKED, and what reading the backup throws.
 */
export async function restoreLog(options: RestoreLogOptions): Promise<RestoredLog> {
  const { folders, note, successor } = options;
  const backup = parseCheckpoint(note);
  const target = storePath(folders);
  await requireNoLog(target);
  await mkdir(folders.dataDir, { recursive: true, mode: 0o700 });
  const key = successor && openSuccessorKey(successor, backup);
  const wantedNote = key ? await signCheckpoint({ ...backup, origin: key.origin }, signersOf(key)) : note;
  const wanted = parseCheckpoint(wantedNote);
  await using published = await takePublished(options, wanted);
  const last = await readLast(published, options, wanted);
  const isUnsaid = last === undefined || last.treeSize === 0;
  if (isUnsaid) await published.write(wantedNote);
  const temporary = `${target}.restoring`;
  const resumedAt = await fillStore(options, temporary, backup, last);
  if (!isUnsaid && last.treeSize < wanted.treeSize) await published.write(wantedNote);
  // A ledger that was started meanwhile, and refused to go on, has left an empty one; a log is still not overwritten.
  await requireNoLog(target);
  await rm(target, { recursive: true, force: true });
  await rename(temporary, target);
  await syncFolder(folders.dataDir);
  return { origin: key?.origin ?? backup.origin, treeSize: backup.treeSize, resumedAt };
}

/** Throws RESTORE_NOT_EMPTY unless there is nothing, or the empty store a ledger makes before it refuses to start. */
async function requireNoLog(path: string): Promise<void> {
  const found = await databaseIn(path);
  if (found === 'none' || (found === 'whole' && (await isEmptyStore(path)))) return;
  throw restoreError('RESTORE_NOT_EMPTY', `Move ${path} away if it is not to be kept.`);
}

async function isEmptyStore(path: string): Promise<boolean> {
  await using store = await openLevelStore(path, { compression: false });
  // Whatever its state says: entries whose state is lost are entries.
  for await (const _ of store.range({ gte: Uint8Array.of(1), limit: 1 })) return false;
  return (new LevelLogStore(store).findState()?.treeSize ?? 0) === 0;
}

function openSuccessorKey({ origin, keyPem }: NonNullable<RestoreLogOptions['successor']>, backup: Checkpoint): LogKey {
  if (origin === backup.origin) {
    throw restoreError('RESTORE_SUCCESSOR_INVALID', `${origin} is the log itself; give the successor another name.`);
  }
  return openLogKey(origin, keyPem);
}

/** Opens the file of the published checkpoint, for as long as the restore takes. */
async function takePublished(
  { folders, adopt = false, successor }: RestoreLogOptions,
  wanted: Checkpoint,
): Promise<PublishedStore> {
  const path = publishedPath(folders);
  if (!(await exists(path)) && !adopt && !successor) throw publishedMissing(path);
  if (successor) await keepPredecessor(path, wanted);
  return await openPublishedFile(path);
}

/**
 * What was published last, which `wanted` may follow; undefined where nothing says so. A log publishes a checkpoint
 * before anybody can back it up: a file that says less than the backup is an older copy, and not the last word.
 */
async function readLast(
  published: PublishedStore,
  { folders, adopt = false, successor }: RestoreLogOptions,
  wanted: Checkpoint,
): Promise<Checkpoint | undefined> {
  const path = publishedPath(folders);
  const note = await published.read();
  const last = note === undefined ? undefined : parseCheckpoint(note);
  if (!last) {
    if (!adopt && !successor) throw publishedMissing(path);
    return undefined;
  }
  if (last.origin !== wanted.origin) {
    throw restoreError('RESTORE_ORIGIN_OTHER', `It is of ${wanted.origin}; what was published is of ${last.origin}.`);
  }
  if (last.treeSize > wanted.treeSize) {
    const advice = `${last.treeSize} were published, the backup has ${wanted.treeSize}. Find a newer backup; if there is none, go on as another log: --continue-as ORIGIN.`;
    throw restoreError('RESTORE_BACKUP_OLDER', advice);
  }
  if (last.treeSize === wanted.treeSize && !equalBytes(last.rootHash, wanted.rootHash)) {
    throw restoreError('RESTORE_BACKUP_FORKED', `Both have ${last.treeSize} entries, and other roots.`);
  }
  if (last.treeSize < wanted.treeSize && !adopt) {
    const advice = `${path} says ${last.treeSize} entries, the backup has ${wanted.treeSize}. ${lostAdvice}`;
    throw restoreError('RESTORE_PUBLISHED_OLDER', advice);
  }
  return last;
}

const lostAdvice =
  'If nobody holds a newer checkpoint than the backup (ask witnesses and readers), say --adopt; if somebody does, --continue-as ORIGIN.';

function publishedMissing(path: string): Error {
  return restoreError('RESTORE_PUBLISHED_MISSING', `Put ${path} back. ${lostAdvice}`);
}

/** What another origin published stays as evidence under a name of its own. */
async function keepPredecessor(path: string, wanted: Checkpoint): Promise<void> {
  if (!(await exists(path))) return;
  const note = await readOnce(path);
  if (note !== undefined && parseCheckpoint(note).origin === wanted.origin) return;
  let kept = `${path}.predecessor`;
  for (let count = 2; await exists(kept); count += 1) kept = `${path}.predecessor-${count}`;
  await rename(path, kept);
  await syncFolder(dirname(path));
}

async function readOnce(path: string): Promise<string | undefined> {
  await using published = await openPublishedFile(path);
  return await published.read();
}

async function fillStore(
  options: RestoreLogOptions,
  path: string,
  backup: Checkpoint,
  earlier: Checkpoint | undefined,
): Promise<number> {
  const resumedAt = await (async () => {
    await using log = await openUnpublished(path, backup.origin);
    const resumed = log.treeSize;
    if (resumed > backup.treeSize || (resumed < backup.treeSize && resumed % 256 !== 0)) return undefined;
    await appendBundles(log, options);
    const isRight = log.treeSize === backup.treeSize && equalBytes(rootAt(log.tree, backup.treeSize), backup.rootHash);
    const isGrown = !earlier || equalBytes(rootAt(log.tree, earlier.treeSize), earlier.rootHash);
    if (isRight && isGrown) return resumed;
    if (resumed > 0) return undefined;
    throw restoreError(
      'RESTORE_BACKUP_FORKED',
      isRight ? 'It does not contain what was published.' : 'Its entries do not lead to its root.',
    );
  })();
  if (resumedAt !== undefined) return resumedAt;
  // What an earlier run left is of another backup.
  await rm(path, { recursive: true });
  return await fillStore(options, path, backup, earlier);
}

/** Appends the bundles past what is there, several on their way, so that many make one sync. */
async function appendBundles(log: Log, { bundles, onProgress }: RestoreLogOptions): Promise<void> {
  const done = log.treeSize;
  const running: { readonly appended: Promise<unknown>; readonly size: number }[] = [];
  let entryCount = 0;
  let waiting = 0;
  try {
    for await (const { bytes, count } of bundles()) {
      entryCount += count;
      if (entryCount <= done) continue;
      const appended = log.appendPacked({ bytes, count });
      appended.catch(() => undefined);
      running.push({ appended, size: bytes.length });
      waiting += bytes.length;
      while (waiting > bytesInFlight || running.length > bundlesInFlight) {
        const first = running.shift();
        await first?.appended;
        waiting -= first?.size ?? 0;
      }
      onProgress?.(log.treeSize);
    }
    for (const { appended } of running) await appended;
  } finally {
    await Promise.allSettled(running.map(({ appended }) => appended));
  }
  onProgress?.(log.treeSize);
}

/** The reader waits for the disk, however slow: what it has read is never refused as too much. */
const boundless = {
  worksMax: Number.POSITIVE_INFINITY,
  entriesMax: Number.POSITIVE_INFINITY,
  bytesMax: Number.POSITIVE_INFINITY,
  waitMaxMs: Number.POSITIVE_INFINITY,
};

/** A log that nobody sees: what it signs is signed by nothing and kept nowhere. */
async function openUnpublished(path: string, origin: string): Promise<Log> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(
    new LevelLogStore(await openLevelStore(path, { writeBufferSize: 16 << 20, compression: false })),
  );
  const log = await openLog({
    key: silentKey(origin),
    store,
    published: nowhere(),
    adoptStore: true,
    limits: boundless,
  });
  stack.move();
  return log;
}

function silentKey(origin: string): LogKey {
  const signer = { name: origin, keyId: '00000000', sign: async () => new Uint8Array(64) };
  return { origin, verifierKey: '', signer };
}

function nowhere(): PublishedStore {
  return { read: async () => undefined, write: async () => undefined, [Symbol.asyncDispose]: async () => undefined };
}
