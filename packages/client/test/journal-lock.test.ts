import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Journal } from '../src/recorder/journal.ts';
import { planRecording } from '../src/recorder/plan-recording.ts';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'lucid-lock-')), 'journal');
  const plan = await planRecording({ policyHash: '11'.repeat(32), retention: { retainForSec: 0 } });
  await (await Journal.create(folder, plan))[Symbol.asyncDispose]();
});
afterEach(() => rm(join(folder, '..'), { recursive: true }));

/** Another process that can open the journal. */
class Rival implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const script = fileURLToPath(new URL('journal-holder.ts', import.meta.url));
    const args = ['--conditions=source', '--no-warnings', script, folder];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What it says next. */
  async next(): Promise<string | undefined> {
    const { value } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    return value;
  }

  /** Opens the journal: `open`, or the code it was refused with. */
  async open(): Promise<string | undefined> {
    await this.next();
    this.#child.stdin.write('\n');
    return await this.next();
  }

  async end(signal?: 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    if (signal === undefined) this.#child.stdin.end();
    else this.#child.kill(signal);
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

async function locks(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('lock'));
}

describe('a journal', () => {
  test('is one recorder\u2019s at a time, and free once that one lets go', async () => {
    await using rival = new Rival();
    expect(await rival.open()).toBe('open');
    const opening = Journal.open(folder);
    await expect(opening).rejects.toMatchObject({ code: 'JOURNAL_LOCKED', status: 409, data: { pid: rival.pid } });
    await expect(opening).rejects.toThrow(`process ${rival.pid} on ${hostname()}`);
    const [lock = ''] = await locks();
    await expect(opening).rejects.toThrow(`delete ${join(folder, lock)}`);
    await rival.end();
    {
      await using _journal = await Journal.open(folder);
      await using late = new Rival();
      expect(await late.open()).toBe('JOURNAL_LOCKED');
      await expect(Journal.open(folder)).rejects.toMatchObject({ code: 'JOURNAL_LOCKED' });
    }
    expect(await locks()).toEqual([]);
  });

  test('is taken over from a recorder that was killed', async () => {
    await using rival = new Rival();
    expect(await rival.open()).toBe('open');
    await rival.end('SIGKILL');
    expect(await locks()).toHaveLength(1);
    await using journal = await Journal.open(folder);
    expect(journal.chunkCount).toBe(0);
    expect(await locks()).toEqual([expect.stringContaining(`lock_${process.pid}_`)]);
  });

  test('is held by at most one of many that come at once', async () => {
    await using stack = new AsyncDisposableStack();
    const rivals = Array.from({ length: 4 }, () => stack.use(new Rival()));
    const answers = await Promise.all(rivals.map((rival) => rival.open()));
    expect(answers.filter((answer) => answer === 'open').length).toBeLessThan(2);
    expect(answers.filter((answer) => answer !== 'open' && answer !== 'JOURNAL_LOCKED')).toEqual([]);
  });

  test('is not taken from a process of another machine, nor kept for one of before the restart or of another time', async () => {
    await writeFile(join(folder, `lock_${process.pid}_1_boot_elsewhere.example`), '');
    await expect(Journal.open(folder)).rejects.toMatchObject({ data: { host: 'elsewhere.example' } });
    expect(await locks()).toHaveLength(1);
    await rm(join(folder, `lock_${process.pid}_1_boot_elsewhere.example`));
    {
      await using _journal = await Journal.open(folder);
      const [own = ''] = await locks();
      const [, , , bootId = ''] = own.split('_');
      await writeFile(join(folder, own.replace(bootId, 'another-boot')), '');
      await writeFile(join(folder, own.replace(/_[0-9]+_(?=[0-9a-f]*-)/u, '_1_')), '');
    }
    expect(await locks()).toHaveLength(2);
    await using _journal = await Journal.open(folder);
    expect(await locks()).toHaveLength(1);
  });

  test('refused to a second recorder stays whole for the first', async () => {
    await using journal = await Journal.open(folder);
    await expect(Journal.create(folder, journal.plan)).rejects.toMatchObject({ code: 'JOURNAL_EXISTS' });
    expect(await locks()).toHaveLength(1);
  });
});
