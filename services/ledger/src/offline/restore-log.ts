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
import { exists, type LogFolders, publishedPath, storePath, syncFolder } from './folders.ts';
import { restoreError } from './offline-errors.ts';

export type RestoreLogOptions = {
  readonly folders: LogFolders;
  /** The backup's checkpoint, its signatures checked by the caller. */
  readonly note: string;
  /** Reads the backup's entries in order, packed (each after its uint16 size), from the first on; anew at each call. */
  readonly bundles: () => AsyncIterable<{ readonly bytes: Uint8Array; readonly count: number }>;
  /** Go on though nothing here says what was published last: an operator's word that nobody holds a newer checkpoint. */
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

/** Bundles on their way into the store; each is at most 16 MiB, and 1 MiB with entries of Lucid's size. */
const bundlesInFlight = 32;

/**
 * Restores a log from a backup into a data folder that has none, through the ledger's own commits. Offline: no ledger may
 * run on the folder. The order is what makes a fork impossible whenever it is stopped: first the published checkpoint is
 * made the backup's, so that no ledger starts on less; then the entries go into a folder beside the log's; that becomes
 * the log's only when its root is the checkpoint's. Run again, it goes on. Throws the codes of `restoreErrors`,
 * STORE_LOCKED, and what reading the backup throws.
 */
export async function restoreLog(options: RestoreLogOptions): Promise<RestoredLog> {
  const { folders, note, successor } = options;
  const backup = parseCheckpoint(note);
  const target = storePath(folders);
  if ((await exists(target)) && !(await isEmptyStore(target))) {
    throw restoreError('RESTORE_NOT_EMPTY', `Move ${target} away if it is not to be kept; nothing is overwritten.`);
  }
  await mkdir(folders.dataDir, { recursive: true, mode: 0o700 });
  const key = successor && openSuccessorKey(successor, backup);
  const published = key ? await signCheckpoint({ ...backup, origin: key.origin }, signersOf(key)) : note;
  const earlier = await raisePublished(options, parseCheckpoint(published), published);
  const temporary = `${target}.restoring`;
  const resumedAt = await fillStore(options, temporary, backup, earlier);
  // A ledger that was started meanwhile, and refused to go on, has left an empty one.
  await rm(target, { recursive: true, force: true });
  await rename(temporary, target);
  await syncFolder(folders.dataDir);
  return { origin: key?.origin ?? backup.origin, treeSize: backup.treeSize, resumedAt };
}

/** Whether a store holds no entry: a ledger makes one before it refuses to start. */
async function isEmptyStore(path: string): Promise<boolean> {
  await using store = new LevelLogStore(await openLevelStore(path, { compression: false }));
  return (store.findState()?.treeSize ?? 0) === 0;
}

function openSuccessorKey({ origin, keyPem }: NonNullable<RestoreLogOptions['successor']>, backup: Checkpoint): LogKey {
  if (origin === backup.origin) {
    throw restoreError('RESTORE_SUCCESSOR_INVALID', `${origin} is the log itself; give the successor another name.`);
  }
  return openLogKey(origin, keyPem);
}

/** Makes the published checkpoint at least the backup's; answers the smaller one that was there, which must be in it. */
async function raisePublished(
  { folders, adopt = false, successor }: RestoreLogOptions,
  wanted: Checkpoint,
  note: string,
): Promise<Checkpoint | undefined> {
  const path = publishedPath(folders);
  if (!(await exists(path)) && !adopt && !successor) {
    const advice = `Put ${path} back. If it is lost and nobody holds a newer checkpoint (ask witnesses and readers), say --adopt; if somebody does, --continue-as ORIGIN.`;
    throw restoreError('RESTORE_PUBLISHED_MISSING', advice);
  }
  if (successor) await keepPredecessor(path, wanted);
  await using published = await openPublishedFile(path);
  const there = await published.read();
  const last = there === undefined ? undefined : parseCheckpoint(there);
  if (last && last.origin !== wanted.origin) {
    throw restoreError('RESTORE_ORIGIN_OTHER', `It is of ${wanted.origin}; what was published is of ${last.origin}.`);
  }
  if (last && last.treeSize > wanted.treeSize) {
    const advice = `${last.treeSize} were published, the backup has ${wanted.treeSize}. Find a newer backup; if there is none, go on as another log: --continue-as ORIGIN.`;
    throw restoreError('RESTORE_BACKUP_OLDER', advice);
  }
  if (last?.treeSize === wanted.treeSize) {
    if (equalBytes(last.rootHash, wanted.rootHash)) return undefined;
    throw restoreError('RESTORE_BACKUP_FORKED', `Both have ${last.treeSize} entries, and other roots.`);
  }
  await published.write(note);
  return last;
}

/** What another origin published stays as evidence under a name of its own. */
async function keepPredecessor(path: string, wanted: Checkpoint): Promise<void> {
  if (!(await exists(path))) return;
  const note = await readOnce(path);
  if (note !== undefined && parseCheckpoint(note).origin === wanted.origin) return;
  await rename(path, `${path}.predecessor`);
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
  const running: Promise<unknown>[] = [];
  let entryCount = 0;
  try {
    for await (const { bytes, count } of bundles()) {
      entryCount += count;
      if (entryCount <= done) continue;
      const appended = log.appendPacked({ bytes, count });
      appended.catch(() => undefined);
      running.push(appended);
      if (running.length < bundlesInFlight) continue;
      await running.shift();
      onProgress?.(log.treeSize);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
  onProgress?.(log.treeSize);
}

/** A log that nobody sees: what it signs is signed by nothing and kept nowhere. */
async function openUnpublished(path: string, origin: string): Promise<Log> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(
    new LevelLogStore(await openLevelStore(path, { writeBufferSize: 16 << 20, compression: false })),
  );
  const log = await openLog({ key: silentKey(origin), store, published: nowhere(), adoptStore: true });
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
