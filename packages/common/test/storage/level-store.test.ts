import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { openLevelStore } from '../../src/storage/level-store.ts';
import { parseUint64be, uint64be } from '../../src/storage/prefix.ts';
import { keyValueStoreContract } from './kv-contract.ts';

const root = await mkdtemp(join(tmpdir(), 'lucid-level-'));
afterAll(() => rm(root, { recursive: true }));
const location = (): Promise<string> => mkdtemp(join(root, 'store-'));

keyValueStoreContract('LevelDB', { location, open: (folder) => openLevelStore(folder) });

test('a folder that cannot be opened has its own code', async () => {
  const path = join(root, 'a-file');
  await writeFile(path, 'not a folder');
  await expect(openLevelStore(path)).rejects.toMatchObject({ code: 'STORE_OPEN_FAILED', status: 503 });
});

/** Runs the writer until it has acknowledged `count` works, then kills it without warning. */
async function killAfter(folder: string, count: number): Promise<number> {
  const child = spawn(
    process.execPath,
    ['--conditions=source', fileURLToPath(new URL('./crash-child.ts', import.meta.url)), folder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let acknowledged = -1;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Math.max(acknowledged, Number(line));
    if (acknowledged >= count) child.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}

describe('kill -9 in the middle of group commits', () => {
  test.each([1, 40, 700])('loses nothing that was acknowledged (after %i)', async (count) => {
    const folder = await location();
    const acknowledged = await killAfter(folder, count);
    expect(acknowledged).toBeGreaterThanOrEqual(count);
    await using store = await openLevelStore(folder);
    const head = parseUint64be(await store.get(Buffer.from('head')));
    expect(head).toBeGreaterThan(acknowledged);
    for (let index = 0; index < head; index += 1) {
      expect(parseUint64be(await store.get(uint64be(index)))).toBe(index);
    }
    expect(store.findSync(uint64be(head))).toBeUndefined();
  });
});
