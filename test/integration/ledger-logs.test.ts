import { join } from 'node:path';
import { createLucidClient } from '@lucid/client/lucid-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LucidCommand } from '../support/lucid-command.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

// Several logs of one platform, read through its gateway as anybody can.

const stack = new AsyncDisposableStack();
let platform: TestPlatform;
let lucid: LucidCommand;

beforeAll(async () => {
  platform = stack.use(await startTestPlatform({ LEDGER_LOGS: 'audit' }));
  const { gateway } = platform.urls;
  lucid = await LucidCommand.create(join(platform.dataDir, 'home'), { LUCID_GATEWAY_URL: gateway });
});
afterAll(() => stack.disposeAsync());

/** The trust file the platform claims for a log. */
async function trustOf(...log: readonly string[]): Promise<string> {
  const { result } = await lucid.run('ledger', 'trust', ...log);
  return await lucid.file(`trust${log.join('')}`, String(result['policy']));
}

test.each([
  ['the default log', [], 'lucid.localhost/lucid/lucid'],
  ['a further log', ['--log', 'audit'], 'lucid.localhost/lucid/audit'],
])('%s is verified, followed and kept through the gateway, under its own key', async (_, log, origin) => {
  const trust = ['--trust', await trustOf(...log)];
  expect(await lucid.run('ledger', 'verify', ...log, ...trust)).toMatchObject({ exitCode: 0, result: { origin } });
  const followed = await lucid.show('ledger', 'follow', ...log, ...trust, '--count', '1', '--json');
  expect([followed.exitCode, JSON.parse(followed.text)]).toMatchObject([0, { origin }]);
  const folder = join(lucid.home, `copy${log.join('')}`);
  expect(await lucid.run('ledger', 'backup', folder, ...log, ...trust)).toMatchObject({
    exitCode: 0,
    result: { origin },
  });
  expect(await lucid.run('ledger', 'verify', folder, ...trust)).toMatchObject({ exitCode: 0, result: { origin } });
});

test('the key of one log is not trusted for another', async () => {
  const trust = await trustOf();
  expect(await lucid.run('ledger', 'verify', '--log', 'audit', '--trust', trust)).toMatchObject({
    exitCode: 6,
    result: { problems: [{ code: 'NOTE_UNVERIFIED' }] },
  });
});

test('a log that is not there is said to be so', async () => {
  const { ledger } = createLucidClient({ gatewayUrl: platform.urls.gateway });
  await expect(ledger.getCheckpointInLog({ params: { log: 'other' } })).rejects.toMatchObject({ status: 404 });
  const answer = await lucid.run('ledger', 'verify', '--log', 'other', '--trust', await trustOf());
  expect(answer).toMatchObject({ exitCode: 6, result: { problems: [{ code: 'LOG_FILE_MISSING' }] } });
});
