import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CutModel, cutModels, PowerCutDisk } from '../../../../test/support/power-cut.ts';
import { seededRandom } from '../../../../test/support/random.ts';
import { createBatch } from '../../src/storage/kv.ts';
import { openLevelStore } from '../../src/storage/level-store.ts';
import { parseUint64be, uint64be } from '../../src/storage/prefix.ts';

const child = fileURLToPath(new URL('./crash-child.ts', import.meta.url));
/** The least LevelDB takes: a new log every thousand records or so. */
const writeBufferSize = 64 * 1024;
/** Of the writer. */
const callerCount = 64;

let root: string;
let disk: PowerCutDisk;
const store = (): string => join(root, 'disk', 'parent', 'store');

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lucid-level-folder-'));
  await mkdir(join(root, 'disk'));
  disk = await PowerCutDisk.create(join(root, 'disk'));
});
afterEach(() => rm(root, { recursive: true }));

type Writing = {
  /** Asked after each acknowledged record: is it time to kill the writer? */
  readonly isEnough: () => boolean;
  readonly environment?: Readonly<Record<string, string>>;
};

/** Lets the writer work until it is enough, or as long as it lives, and kills it; answers the last record, or -1. */
async function writeAndKill({ isEnough, environment }: Writing): Promise<number> {
  const args = ['--conditions=source', child, store(), String(writeBufferSize)];
  const env = { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...disk.environment, ...environment };
  const writer = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => writer.once('exit', resolve));
  let acknowledged = -1;
  for await (const line of createInterface({ input: writer.stdout })) {
    acknowledged = Math.max(acknowledged, Number(line));
    if (isEnough()) writer.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}

/** True once `count` records were acknowledged. */
function after(count: number): () => boolean {
  let left = count;
  return () => --left <= 0;
}

/** True once a second log was begun and all that waited for the first were answered: something is in the new one. */
function afterNewLog(): () => boolean {
  const logs = (): string[] => readdirSync(store()).filter((name) => name.endsWith('.log'));
  let first: readonly string[] | undefined;
  let left = callerCount + 1;
  return () => {
    first ??= logs();
    if (left > callerCount && logs().every((name) => first?.includes(name))) return false;
    left -= 1;
    return left <= 0;
  };
}

async function readHead(): Promise<number> {
  await using opened = await openLevelStore(store());
  const head = await opened.find(Buffer.from('head'));
  const count = head ? parseUint64be(head) : 0;
  for (let index = 0; index < count; index += 1) {
    expect(parseUint64be(await opened.get(uint64be(index)))).toBe(index);
  }
  return count;
}

describe.each(cutModels)('a disk that loses power and keeps (%s)', (model: CutModel) => {
  test('loses nothing that was acknowledged, over many logs', async () => {
    const random = seededRandom(cutModels.indexOf(model));
    let acknowledged = -1;
    let lostBytes = 0;
    for (const isEnough of [after(1), afterNewLog(), after(2500), afterNewLog(), afterNewLog()]) {
      const environment = { DISK_SHIM_DELAY_MS: '10' };
      acknowledged = Math.max(acknowledged, await writeAndKill({ isEnough, environment }));
      lostBytes += (await disk.cut(model, random)).bytes;
      expect(await readHead()).toBeGreaterThan(acknowledged);
      await disk.settle();
    }
    expect(lostBytes).toBeGreaterThan(0);
  }, 120_000);
});

test('leaves a store that opens, wherever in its making the power went', async () => {
  const random = seededRandom(4);
  let isMade = false;
  let at = 0;
  while (!isMade) {
    at += 1;
    isMade = (await writeAndKill({ isEnough: after(1), environment: { DISK_SHIM_KILL_AT: String(at) } })) >= 0;
    await disk.cut(cutModels[random(cutModels.length)] ?? 'strict', random);
    expect(await readHead()).toBeGreaterThanOrEqual(isMade ? 1 : 0);
    await rm(join(root, 'disk', 'parent'), { recursive: true });
    await disk.settle();
  }
  expect(at).toBeGreaterThan(20);
}, 120_000);

test('a log that cannot be read stops the opening and is not thrown away', async () => {
  const opened = await openLevelStore(store());
  const batch = createBatch();
  batch.put(uint64be(1), uint64be(1));
  await opened.write(batch, { sync: true });
  await opened.close();
  const name = (await readdir(store())).find((each) => each.endsWith('.log')) ?? '';
  await rename(join(store(), name), join(root, 'log'));
  await mkdir(join(store(), name));
  await expect(openLevelStore(store())).rejects.toMatchObject({ code: 'STORE_OPEN_FAILED' });
  await rm(join(store(), name), { recursive: true });
  await rename(join(root, 'log'), join(store(), name));
  await using again = await openLevelStore(store());
  expect(parseUint64be(await again.get(uint64be(1)))).toBe(1);
});

test('a store that has lost its CURRENT is not begun anew over its files', async () => {
  const opened = await openLevelStore(store());
  const batch = createBatch();
  batch.put(uint64be(1), uint64be(1));
  await opened.write(batch, { sync: true });
  await opened.close();
  await rename(join(store(), 'CURRENT'), join(root, 'CURRENT'));
  await expect(openLevelStore(store())).rejects.toMatchObject({ code: 'STORE_OPEN_FAILED' });
  await rename(join(root, 'CURRENT'), join(store(), 'CURRENT'));
  await using again = await openLevelStore(store());
  expect(parseUint64be(await again.get(uint64be(1)))).toBe(1);
});

test('a new store is whole, for its owner alone, and without the draft it was made from', async () => {
  await (await openLevelStore(store())).close();
  const names = await readdir(store());
  expect(names).toContain('CURRENT');
  expect(names.filter((name) => name.startsWith('draft-'))).toEqual([]);
  expect((await stat(store())).mode & 0o777).toBe(0o700);
});
