import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { createServiceTokenIssuer, parseServiceKey } from '@lucid/common/http/tokens';
import { expect, test } from 'vitest';
import { LedgerProcess, type LogLine } from '../support/ledger-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const callerCount = 16;
const answersBefore = 100;
type AccessLine = LogLine & { readonly operation?: string; readonly status?: number };

const pem = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

async function append(url: string, agent: Agent, authorization: string, text: string): Promise<number> {
  const headers = { authorization, 'content-type': 'application/octet-stream', 'content-length': String(text.length) };
  const sent = request(`${url}/entries`, { method: 'POST', agent, headers });
  sent.end(text);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode ?? 0;
}

test.each(['true', 'false'])('with LEDGER_FAST_LANE=%s SIGTERM loses no append that was taken', async (fastLane) => {
  await using folder = await temporaryFolder();
  const serviceKey = pem();
  await writeFile(join(folder.path, 'service.key'), serviceKey);
  await writeFile(join(folder.path, 'ledger.key'), pem());
  await using ledger = new LedgerProcess({
    LEDGER_DATA_DIR: join(folder.path, 'data'),
    LEDGER_KEY_FILE: join(folder.path, 'ledger.key'),
    SERVICE_KEY_FILE: join(folder.path, 'service.key'),
    LEDGER_FAST_LANE: fastLane,
  });
  const url = await ledger.ready;
  const authorization = `Bearer ${await createServiceTokenIssuer(parseServiceKey(serviceKey), 'sessions')('ledger')}`;
  const statuses: number[] = [];
  const call = async (caller: number): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let count = 0; ; count += 1) {
      // Rejects once the service takes no more: what was not taken is the caller's to try again.
      statuses.push(await append(url, agent, authorization, `${caller} ${count}`));
      if (statuses.length === answersBefore) ledger.kill('SIGTERM');
    }
  };
  const calls = await Promise.allSettled(Array.from({ length: callerCount }, (_, caller) => call(caller)));
  expect(calls.every(({ status }) => status === 'rejected')).toBe(true);
  expect(await ledger.exit).toBe(0);
  expect(new Set(statuses)).toEqual(new Set([201]));
  // Its last lines are there too; they may come after its end.
  while (ledger.lines.at(-1)?.msg !== 'ledger is closed') await new Promise((resolve) => setImmediate(resolve));
  // Each append that was logged as answered reached its caller.
  const taken = (ledger.lines as AccessLine[]).filter(({ operation }) => operation === 'appendEntry');
  expect(taken.map(({ status }) => status)).toEqual(statuses);
});
