import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { signCheckpoint } from '@lucid/common/formats/checkpoint';
import { computeRootHash, leafHash } from '@lucid/common/formats/merkle';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { expect, test } from 'vitest';
import { createTestLogKey } from '../../../../test/support/ledger.ts';
import { signersOf } from '../../src/domain/log-key.ts';
import { openLog } from '../../src/domain/open-log.ts';
import { checkStore } from '../../src/offline/check-store.ts';
import { LevelLogStore } from '../../src/store/level-log-store.ts';
import { openPublishedFile } from '../../src/store/published-file.ts';
import { largeEntry } from '../support/large-bundles.ts';

const script = fileURLToPath(new URL('../support/restore-process.ts', import.meta.url));
const bundleCount = 80;
const treeSize = bundleCount * 256;
const killCount = 8;
const key = createTestLogKey();

/** Restores in a process that is killed at a random moment of the bundle `killAt`; answers whether it came to its end. */
async function restoreAndKill(dataDir: string, noteFile: string, killAt: number): Promise<boolean> {
  const child = spawn(process.execPath, ['--conditions=source', script, dataDir, noteFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  let seen = 0;
  let isDone = false;
  for await (const line of createInterface({ input: child.stdout })) {
    isDone ||= line === 'done';
    seen += 1;
    if (seen === killAt) child.kill('SIGKILL');
  }
  await exit;
  return isDone;
}

/** What a ledger that is started on the folder does: the size it serves, or why it refuses. */
async function startOn(dataDir: string): Promise<number | string | undefined> {
  try {
    await using stack = new AsyncDisposableStack();
    const store = stack.use(new LevelLogStore(await openLevelStore(join(dataDir, 'lucid'), { compression: false })));
    const published = stack.use(await openPublishedFile(join(dataDir, 'published', 'lucid.checkpoint')));
    const log = await openLog({ key, store, published, adoptStore: false });
    stack.move();
    await log[Symbol.asyncDispose]();
    return log.treeSize;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

test(`a restore whose process is killed ${killCount} times never lets a ledger fork, and comes to its end`, async () => {
  const root = await mkdtemp(join(tmpdir(), 'lucid-restore-killed-'));
  try {
    const dataDir = join(root, 'data');
    const noteFile = join(root, 'checkpoint');
    const rootHash = computeRootHash(Array.from({ length: treeSize }, (_, index) => leafHash(largeEntry(index))));
    await writeFile(noteFile, await signCheckpoint({ origin: key.origin, treeSize, rootHash }, signersOf(key)));
    for (let round = 0; round < killCount; round += 1) {
      // A third of them right at the end, where the folder becomes the log's.
      const killAt = round % 3 === 2 ? bundleCount : randomInt(1, bundleCount);
      const isDone = await restoreAndKill(dataDir, noteFile, killAt);
      const found = await startOn(dataDir);
      expect(['LEDGER_STORE_BEHIND', treeSize]).toContain(found);
      if (isDone) expect(found).toBe(treeSize);
      if (found === treeSize) await rm(dataDir, { recursive: true });
    }
    expect(await restoreAndKill(dataDir, noteFile, Number.POSITIVE_INFINITY)).toBe(true);
    expect(await checkStore({ folders: { dataDir, logName: 'lucid' } })).toMatchObject({ ok: true, treeSize });
    expect(await startOn(dataDir)).toBe(treeSize);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}, 180_000);
