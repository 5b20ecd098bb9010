import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { utf8 } from '@lucid/common/formats/bytes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSocksServer } from '../../packages/client/test/socks-server.ts';
import { type LedgerService, startLedgerService } from '../support/ledger-service.ts';
import { LucidCommand } from '../support/lucid-command.ts';

// A log's reader and its operator, with nothing but the command: over HTTP, from a backup, and on the ledger's folder.

let ledger: LedgerService;
let lucid: LucidCommand;
let trust: string;
const stack = new AsyncDisposableStack();

const entries = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => utf8(`entry ${from + at}`));

beforeAll(async () => {
  ledger = stack.use(await startLedgerService());
  await ledger.append(entries(0, 1300));
  lucid = await LucidCommand.create(join(ledger.dataDir, '..', 'home'), {});
  trust = await lucid.file('trust', ledger.policy);
});
afterAll(() => stack.disposeAsync());

const at = (name: string): string => join(lucid.home, name);

describe('a reader', () => {
  test('verifies the whole log, goes on later, and is told what it contains', async () => {
    const state = at('state.json');
    const first = await lucid.run('ledger', 'verify', ledger.url, '--trust', trust, '--state', state);
    expect(first).toMatchObject({ exitCode: 0, result: { ok: true, treeSize: 1300, entryCount: 1300, problems: [] } });
    const earlier = await lucid.file('earlier', await (await fetch(`${ledger.url}/checkpoint`)).text());
    await ledger.append(entries(1300, 1400));
    const args = ['ledger', 'verify', ledger.url, '--trust', trust, '--state', state, '--earlier', earlier];
    const second = await lucid.run(...args);
    expect(second).toMatchObject({ exitCode: 0, result: { resumedAt: 1280, containedSizes: [1300, 1300] } });
    const shown = await lucid.show('ledger', 'verify', ledger.url, '--trust', trust);
    expect(shown.text).toMatch(/entries +1400\n[^]*VERIFIED$/u);
  });

  test('is told by exit code and words what does not hold, or does not answer', async () => {
    const other = await startLedgerService();
    await using _other = other;
    const args = ['ledger', 'verify', other.url, '--trust', trust];
    const refused = await lucid.run(...args);
    expect(refused).toMatchObject({ exitCode: 6, result: { ok: false, problems: [{ code: 'NOTE_UNVERIFIED' }] } });
    const damaged = await lucid.file('damaged.json', '{}');
    expect(await lucid.run(...args, '--state', damaged)).toMatchObject({
      exitCode: 3,
      result: { error: { code: 'LOG_STATE_DAMAGED' } },
    });
    expect(await lucid.run('ledger', 'verify', at('nowhere'), '--trust', trust)).toMatchObject({ exitCode: 3 });
    expect(await lucid.run('ledger', 'verify', ledger.url)).toMatchObject({
      exitCode: 3,
      result: { error: { code: 'TRUST_MISSING' } },
    });
  });

  test('follows the log over a restart, and stops when asked', async () => {
    const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));
    const args = [
      '--conditions=source',
      main,
      'ledger',
      'follow',
      ledger.url,
      '--trust',
      trust,
      '--keep',
      at('kept'),
      '--json',
    ];
    const child = spawn(process.execPath, args, { env: { PATH: process.env['PATH'], HOME: lucid.home } });
    try {
      const exit = once(child, 'exit');
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const next = async () => JSON.parse(String((await lines.next()).value)) as Record<string, unknown>;
      const { treeSize } = await next();
      await ledger.append(entries(0, 10));
      expect(await next()).toMatchObject({ containedSize: treeSize, treeSize: Number(treeSize) + 10 });
      await ledger.stop();
      await ledger.start();
      await ledger.append(entries(0, 1));
      const last = await next();
      expect(last).toMatchObject({ containedSize: Number(treeSize) + 10, treeSize: Number(treeSize) + 11 });
      expect(await readFile(at('kept'), 'utf8')).toBe(last['note']);
      child.kill('SIGTERM');
      expect(await exit).toEqual([130, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('reaches a log through a SOCKS proxy, its name unresolved', async () => {
    await using socks = await startSocksServer({ port: Number(new URL(ledger.url).port) });
    const args = ['http://log.example:8086', '--socks', socks.proxy, '--trust', trust];
    expect(await lucid.run('ledger', 'verify', ...args)).toMatchObject({ exitCode: 0, result: { ok: true } });
    expect(await lucid.show('ledger', 'follow', ...args, '--count', '1')).toMatchObject({ exitCode: 0 });
    expect(new Set(socks.asked)).toEqual(new Set(['log.example:8086']));
  });

  test('reads who must sign, and holds a checkpoint against a trust file', async () => {
    const checkpoint = await lucid.file('checkpoint', await (await fetch(`${ledger.url}/checkpoint`)).text());
    const receipt = await lucid.file(
      'receipt',
      await (await ledger.client.getReceipt({ params: { leafIndex: 3 } })).text(),
    );
    for (const file of [
      ['--checkpoint', checkpoint],
      ['--receipt', receipt],
    ]) {
      const { exitCode, result } = await lucid.run('ledger', 'policy', trust, ...file);
      expect([exitCode, result]).toMatchObject([0, { cosignersMin: 0, canBeMet: true, tested: { ok: true } }]);
    }
    const vkey = 'witness.test+8c9a5f39+BABDFQ6ZaLVKc2aVBQQSFm7GFQZ4JMFdpxmpgsNlQZ4M';
    const bad = await lucid.file('bad', `log x\nwitness w ${vkey}\nquorum w\n`);
    expect(await lucid.run('ledger', 'policy', bad)).toMatchObject({ exitCode: 3 });
    const shown = await lucid.show('ledger', 'policy', trust, '--checkpoint', checkpoint);
    expect(shown.text).toMatch(/no witness is needed[^]*under this policy +trusted/u);
  });
});

describe('an operator', () => {
  test('keeps a backup, finds and mends damage, and restores it into an empty folder that a ledger goes on with', async () => {
    const backup = at('backup');
    const keep = ['ledger', 'backup', backup, '--trust', trust];
    const first = await lucid.run(...keep, '--from', ledger.url);
    expect(first).toMatchObject({ exitCode: 0, result: { earlierSize: 0 } });
    await ledger.append(entries(0, 300));
    const second = await lucid.run(...keep, '--from', ledger.url);
    expect(second.result['earlierSize']).toBe(first.result['treeSize']);
    const size = Number(second.result['treeSize']);

    const bundle = join(backup, 'tile', 'entries', '002');
    const bytes = await readFile(bundle);
    await writeFile(bundle, bytes.fill(0x58, 40, 41));
    const damaged = await lucid.run(...keep, '--verify');
    expect(damaged).toMatchObject({ exitCode: 6, result: { problems: [{ path: 'tile/entries/002' }] } });
    const mended = await lucid.run(...keep, '--mend', '--from', ledger.url);
    expect(mended).toMatchObject({ exitCode: 0, result: { mended: ['tile/entries/002'] } });
    expect(await lucid.run(...keep, '--verify')).toMatchObject({ exitCode: 0, result: { ok: true, treeSize: size } });

    const fsck = ['ledger', 'fsck', '--data-dir', ledger.dataDir, '--trust', trust];
    expect(await lucid.run(...fsck)).toMatchObject({ exitCode: 3 });
    await ledger.stop();
    expect(await lucid.run(...fsck)).toMatchObject({ exitCode: 0, result: { ok: true, treeSize: size } });

    await cp(ledger.dataDir, at('old'), { recursive: true });
    await rm(join(ledger.dataDir, 'lucid'), { recursive: true });
    expect(await lucid.run(...fsck)).toMatchObject({
      exitCode: 6,
      result: { problems: [{ code: 'FSCK_STORE_MISSING' }] },
    });
    const restore = ['ledger', 'restore', backup, '--trust', trust, '--data-dir', ledger.dataDir];
    expect(await lucid.run(...restore)).toMatchObject({ exitCode: 0, result: { treeSize: size } });
    expect(await lucid.run(...fsck)).toMatchObject({ exitCode: 0, result: { ok: true, treeSize: size } });
    await ledger.start();
    await ledger.append(entries(0, 5));
    const again = await lucid.run(
      'ledger',
      'verify',
      ledger.url,
      '--trust',
      trust,
      '--earlier',
      join(backup, 'checkpoint'),
    );
    expect(again).toMatchObject({ exitCode: 0, result: { treeSize: size + 5, containedSizes: [size] } });

    // Now the backup is older than what was published, whatever is lost.
    await ledger.stop();
    await rm(join(ledger.dataDir, 'lucid'), { recursive: true });
    expect(await lucid.run(...restore, '--adopt')).toMatchObject({
      exitCode: 3,
      result: { error: { code: 'RESTORE_BACKUP_OLDER' } },
    });
  });
});
