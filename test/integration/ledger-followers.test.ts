import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generousLimits } from '../support/generous.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';
import { type PlatformTokens, readPlatformTokens } from '../support/platform-tokens.ts';

// Following the ledger from outside: the gateway streams, and the ledger counts those behind it one by one.

const perClient = 2;

let platform: TestPlatform;
let tokens: PlatformTokens;
const open: IncomingMessage[] = [];

beforeAll(async () => {
  platform = await startTestPlatform({
    ...generousLimits,
    LEDGER_FOLLOWERS_MAX: '4',
    LEDGER_CLIENT_FOLLOWERS_MAX: String(perClient),
  });
  tokens = await readPlatformTokens(platform.keys, platform.urls.api);
});
afterAll(async () => {
  for (const response of open) response.destroy();
  await platform?.[Symbol.asyncDispose]();
});

/** Follows through the gateway, from one of this machine's own addresses. */
async function follow(localAddress: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  get(`${platform.urls.gateway}/api/v1/ledger/follow`, { localAddress, headers, agent: false }, resolve).on(
    'error',
    reject,
  );
  const response = await promise;
  open.push(response);
  return response;
}

async function codeOf(response: IncomingMessage): Promise<string> {
  return (JSON.parse(Buffer.concat(await response.toArray()).toString()) as { code: string }).code;
}

describe('through the gateway', () => {
  test('each address has its own places, whatever it says of itself', async () => {
    const first = await follow('127.0.0.1');
    expect([first.statusCode, first.headers['content-type']]).toEqual([200, 'text/event-stream']);
    expect((await follow('127.0.0.1')).statusCode).toBe(200);
    const third = await follow('127.0.0.1', { 'x-forwarded-for': '192.0.2.7' });
    expect([third.statusCode, await codeOf(third)]).toEqual([429, 'LEDGER_FOLLOWER_LIMIT']);
    expect((await follow('127.0.0.2')).statusCode).toBe(200);
  });

  test('an entry reaches a follower as it is published, and a place left is free again', async () => {
    const follower = await follow('127.0.0.3');
    const authorization = `Bearer ${await tokens.user({ roles: ['operator'] })}`;
    const body = JSON.stringify({ entry: Buffer.from('seen from outside').toString('base64') });
    const headers = { authorization, 'content-type': 'application/json' };
    const url = `${platform.urls.gateway}/api/v1/ledger/entries`;
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(201);
    let seen = '';
    for await (const chunk of follower.setEncoding('utf8') as AsyncIterable<string>) {
      seen += chunk;
      if (seen.includes(Buffer.from('seen from outside').toString('base64'))) break;
    }
    // All places are taken until the one that stopped reading above is known to be gone.
    await expect.poll(async () => (await follow('127.0.0.4')).statusCode).toBe(200);
  });
});
