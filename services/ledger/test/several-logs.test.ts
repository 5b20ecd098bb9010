import { generateKeyPairSync } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LedgerProcess } from './support/ledger-process.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const pem = (type: 'ed25519' | 'x25519' = 'ed25519'): string =>
  generateKeyPairSync(type as 'ed25519')
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();

/** A ledger's folder with its keys; starts ledgers on it, one after another. */
async function prepare(folder: string) {
  const file = async (name: string, text = pem()) => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const env = {
    LEDGER_DATA_DIR: join(folder, 'data'),
    LEDGER_KEY_FILE: await file('ledger.key'),
    SERVICE_KEY_FILE: await file('service.key'),
  };
  return {
    file,
    start: (more: Record<string, string> = {}) => new LedgerProcess({ ...env, ...more }),
    async refusal(more: Record<string, string>) {
      await using ledger = new LedgerProcess({ ...env, ...more });
      await expect(ledger.ready).rejects.toThrow('the ledger ended');
      return ledger.lines.find(({ level }) => level === 'fatal');
    },
  };
}

async function logsOf(url: string): Promise<string[]> {
  const { items } = (await (await fetch(`${url}/logs`)).json()) as { items: { name: string }[] };
  return items.map(({ name }) => name);
}

test('a log is added, left out, and there again as it was', async () => {
  await using folder = await temporaryFolder();
  const { file, start } = await prepare(folder.path);
  await file('ledger-audit.key');
  const both = { LEDGER_LOGS: 'audit', LEDGER_KEYS_DIR: folder.path };
  const checkpoints: string[] = [];
  for (const [env, names] of [
    [both, ['lucid', 'audit']],
    [{}, ['lucid']],
    [both, ['lucid', 'audit']],
  ] as const) {
    await using ledger = start(env);
    const url = await ledger.ready;
    expect(await logsOf(url)).toEqual(names);
    const answer = await fetch(`${url}/logs/audit/checkpoint`);
    expect(answer.status).toBe(names.length === 2 ? 200 : 404);
    if (answer.ok) checkpoints.push(await answer.text());
    ledger.kill('SIGTERM');
    expect(await ledger.exit).toBe(0);
  }
  expect(checkpoints[1]).toBe(checkpoints[0]);
});

test('what stops one of several logs names it', async () => {
  await using folder = await temporaryFolder();
  const { file, start, refusal } = await prepare(folder.path);
  const env = { LEDGER_LOGS: 'audit', LEDGER_KEYS_DIR: folder.path };
  const path = join(folder.path, 'ledger-audit.key');
  expect(await refusal({ LEDGER_LOGS: 'audit' })).toMatchObject({
    code: 'CONFIG_INVALID',
    msg: expect.stringContaining('LEDGER_KEYS_DIR'),
  });
  expect(await refusal(env)).toMatchObject({ code: 'LEDGER_KEY_INVALID', msg: expect.stringContaining(path) });
  await file('ledger-audit.key', pem('x25519'));
  expect(await refusal(env)).toMatchObject({ code: 'LEDGER_KEY_INVALID', msg: expect.stringContaining('Log "audit"') });
  await file('ledger-audit.key');
  {
    await using ledger = start(env);
    await ledger.ready;
  }
  await file('ledger-audit.key');
  const other = await refusal(env);
  expect(other).toMatchObject({ code: 'LEDGER_PUBLISHED_INVALID', msg: expect.stringContaining('Log "audit"') });
  expect((await readdir(join(folder.path, 'data'))).toSorted()).toEqual(['audit', 'lucid', 'published']);
});
