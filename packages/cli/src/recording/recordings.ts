import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '@lucid/client/recorder/durable-file';
import { Journal } from '@lucid/client/recorder/journal';
import type { CliConfig } from '../config.ts';
import { cliError } from '../errors.ts';
import { isErrno } from '../setup/private-file.ts';

/** What is recorded, so that an interrupted recording can go on. */
export type RecordingSource =
  | { readonly kind: 'file'; readonly path: string; readonly size: number; readonly modifiedAt: number }
  | { readonly kind: 'pipe' }
  | { readonly kind: 'terminal'; readonly command: string };

/** A recording on this machine: the recorder's journal in a folder of its own, and where it came from. */
export interface Recording {
  readonly name: string;
  readonly folder: string;
  readonly source: RecordingSource;
}

const sourceFile = 'source.json';

/** All a recording needs to know of the configuration. */
type DataFolder = Pick<CliConfig, 'dataFolder'>;

function recordingsFolder({ dataFolder }: DataFolder): string {
  return join(dataFolder, 'recordings');
}

/** Makes the folder of a new recording (0700). @throws USAGE_INVALID when the name is no name or taken */
export async function createRecording(config: DataFolder, name: string, source: RecordingSource): Promise<Recording> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) || name === 'latest') {
    throw cliError('USAGE_INVALID', `"${name}" is not a name: letters, digits, dot, underscore and hyphen.`);
  }
  await mkdir(recordingsFolder(config), { recursive: true, mode: 0o700 });
  const folder = join(recordingsFolder(config), name);
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (cause) {
    if (!isErrno(cause, 'EEXIST')) throw cause;
    throw cliError('USAGE_INVALID', `There is a recording ${name} already. Go on with it: --resume ${name}.`, {
      cause,
    });
  }
  await writeDurably(join(folder, sourceFile), `${JSON.stringify(source)}\n`);
  return { name, folder, source };
}

/** A name that sorts by time: `2026-01-31T12-00-00-123`. */
export function nameByTime(now: Date): string {
  return now.toISOString().slice(0, -1).replaceAll(/[:.]/g, '-');
}

/** All recordings, the youngest first. */
export async function listRecordings(config: DataFolder): Promise<Recording[]> {
  const names = await readdir(recordingsFolder(config)).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const found = await Promise.all(names.map((name) => readRecording(config, name)));
  const recordings = found.filter((recording) => recording !== undefined);
  return recordings.toSorted((left, right) => right.createdAt - left.createdAt).map(({ recording }) => recording);
}

async function readRecording(config: DataFolder, name: string) {
  const folder = join(recordingsFolder(config), name);
  try {
    const source = JSON.parse(await readFile(join(folder, sourceFile), 'utf8')) as RecordingSource;
    const plan = JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8')) as { startedAt: number };
    return { recording: { name, folder, source }, createdAt: plan.startedAt };
  } catch {
    // Killed before its plan was on the disk: nothing was recorded.
    return undefined;
  }
}

/** A recording by its name, its session's id, or `latest`. */
export async function findRecording(config: DataFolder, name: string): Promise<Recording | undefined> {
  const recordings = await listRecordings(config);
  if (name === 'latest') return recordings[0];
  const byName = recordings.find((recording) => recording.name === name);
  if (byName) return byName;
  for (const recording of recordings) if ((await sessionIdOf(recording)) === name) return recording;
  return undefined;
}

/** @throws RECORDING_NOT_FOUND */
export async function getRecording(config: DataFolder, name: string): Promise<Recording> {
  const recording = await findRecording(config, name);
  if (recording) return recording;
  throw cliError('RECORDING_NOT_FOUND', `There is no recording ${name} in ${recordingsFolder(config)}.`);
}

/** The session a recording became; undefined before the platform opened it. */
export async function sessionIdOf({ folder }: Recording): Promise<string | undefined> {
  try {
    return (JSON.parse(await readFile(join(folder, 'session.json'), 'utf8')) as { sessionId: string }).sessionId;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The session meant by an id, a recording's name or `latest`. @throws RECORDING_NOT_FOUND */
export async function resolveSessionId(config: DataFolder, name: string): Promise<string> {
  const recording = await findRecording(config, name);
  const sessionId = recording && (await sessionIdOf(recording));
  if (sessionId !== undefined) return sessionId;
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name)) return name;
  throw cliError('RECORDING_NOT_FOUND', `${name} is neither a session id nor a recording with a session.`);
}

export async function openJournal({ folder }: Recording): Promise<Journal> {
  return await Journal.open(folder);
}
