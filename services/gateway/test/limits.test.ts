import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { type RunningService, startService } from '@lucid/common/runtime/run';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { configSchema } from '../src/config.ts';
import { openGateway } from '../src/open.ts';
import { openTestGateway } from './support/gateway.ts';
import { startUpstream, type TestUpstream } from './support/upstream.ts';

let upstream: TestUpstream;
beforeAll(async () => {
  upstream = await startUpstream();
});
afterEach(() => {
  upstream.answer = undefined;
  upstream.received.length = 0;
});
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
});

const open = (options: Partial<Parameters<typeof openTestGateway>[0]>) =>
  openTestGateway({ upstreamUrl: upstream.url, ...options });

async function call(url: string, token?: string, init: RequestInit = {}) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/api/v1/chain/chain`, { headers, ...init });
  const body = (await response.json().catch(() => ({}))) as { code?: string };
  return { status: response.status, code: body.code, headers: response.headers };
}

describe('quotas', () => {
  test('of an address: anonymous requests', async () => {
    await using gateway = await open({ requestsPerMinute: () => 3 });
    const first = await call(gateway.url);
    expect(first.headers.get('ratelimit-policy')).toBe('"address";q=3;w=60');
    expect(first.headers.get('ratelimit')).toBe('"address";r=2;t=20');
    await call(gateway.url);
    await call(gateway.url);
    const refused = await call(gateway.url);
    expect(refused).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(20);
    expect(refused.headers.get('ratelimit')).toMatch(/^"address";r=0;t=\d+$/);
    expect(upstream.received).toHaveLength(3);
    expect((await fetch(`${gateway.url}/livez`)).status).toBe(200);
  });

  test('of a subject: each has its own, whatever its tokens', async () => {
    await using gateway = await open({ requestsPerMinute: () => 2 });
    const [anna, annaAgain, ben] = await Promise.all([
      gateway.identity.userToken({ subject: 'anna' }),
      gateway.identity.userToken({ subject: 'anna', lifeSec: 100 }),
      gateway.identity.userToken({ subject: 'ben' }),
    ]);
    const first = await call(gateway.url, anna);
    expect(first.headers.get('ratelimit-policy')).toBe('"subject";q=2;w=60');
    expect((await call(gateway.url, annaAgain)).status).toBe(200);
    expect((await call(gateway.url, anna)).status).toBe(429);
    expect((await call(gateway.url, annaAgain)).status).toBe(429);
    expect((await call(gateway.url, ben)).status).toBe(200);
  });

  test('of an address that many share: as many times as configured', async () => {
    await using gateway = await open({
      requestsPerMinute: () => 1,
      sharedAddresses: ['127.0.0.0/8'],
      sharedAddressFactor: 5,
    });
    const statuses: number[] = [];
    for (let i = 0; i < 6; i += 1) statuses.push((await call(gateway.url)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    expect((await call(gateway.url)).headers.get('ratelimit-policy')).toBe('"shared-address";q=5;w=60');
  });

  test('of an address: refused tokens spend it, so that guessing ends', async () => {
    await using gateway = await open({ requestsPerMinute: () => 3 });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i += 1) statuses.push((await call(gateway.url, `guess-${i}`)).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
  });

  test('unknown paths spend them too', async () => {
    await using gateway = await open({ requestsPerMinute: () => 2 });
    const statuses: number[] = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await fetch(`${gateway.url}/scan/${i}`)).status);
    expect(statuses).toEqual([404, 404, 429]);
  });

  test('a new quota holds from the next request on', async () => {
    let quota = 2;
    await using gateway = await open({ requestsPerMinute: () => quota });
    for (let i = 0; i < 3; i += 1) await call(gateway.url);
    expect((await call(gateway.url)).headers.get('retry-after')).toMatch(/^(29|30)$/);
    quota = 60_000;
    const refilled = await call(gateway.url);
    expect(refilled.headers.get('ratelimit-policy')).toBe('"address";q=60000;w=60');
    expect(refilled.headers.get('retry-after') ?? '1').toBe('1');
  });
});

describe('CORS', () => {
  const origin = 'http://docs.test';
  const preflight = {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'Authorization, X-A' },
  };

  test('is refused to all when nothing is configured', async () => {
    await using gateway = await open({});
    const answer = await call(gateway.url, undefined, preflight);
    expect(answer).toMatchObject({ status: 405, code: 'GATEWAY_METHOD_NOT_ALLOWED' });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
  });

  test('is granted to the origins configured, also for refusals', async () => {
    await using gateway = await open({ corsOrigins: [origin] });
    const answer = await call(gateway.url, undefined, preflight);
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': 'authorization, x-a',
      vary: 'Origin',
    });
    const got = await call(gateway.url, undefined, { headers: { origin } });
    expect(got.headers.get('access-control-allow-origin')).toBe(origin);
    expect(got.headers.get('access-control-expose-headers')).toContain('x-request-id');
    expect(got.headers.get('access-control-allow-credentials')).toBeNull();
    const refused = await call(gateway.url, 'bad', { headers: { origin, authorization: 'Bearer bad' } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
    const other = await call(gateway.url, undefined, { headers: { origin: 'http://evil.test' } });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });
});

test('a request id and a trace that are given are passed on and answered', async () => {
  await using gateway = await open({});
  const requestId = '6f1f54a6-0f0a-4c8e-9a3e-0d7d3cf2f0aa';
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const answer = await call(gateway.url, undefined, { headers: { 'x-request-id': requestId, traceparent } });
  expect(answer.headers.get('x-request-id')).toBe(requestId);
  const sent = upstream.received[0]?.rawHeaders ?? [];
  expect(sent).toContain(requestId);
  expect(sent.find((value) => value.startsWith('00-'))).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b71)/);
});

describe('the gateway as it is opened', () => {
  let folder: string;
  let gateway: RunningService;
  const governed = { value: '500', isReachable: true };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lucid-gateway-'));
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(join(folder, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const url = upstream.url;
    const config = loadConfig(configSchema, {
      GATEWAY_PORT: '0',
      GATEWAY_PARAMS_INTERVAL_MS: '50',
      GATEWAY_REQUESTS_PER_MINUTE: '7',
      SERVICE_KEY_FILE: join(folder, 'key.pem'),
      API_URL: url,
      SESSIONS_URL: url,
      LEDGER_URL: url,
      BLOCKCHAIN_API_URL: url,
      GOVERNANCE_URL: 'http://127.0.0.1:1',
    });
    upstream.answer = answerGoverned;
    const logger = createLogger({ name: 'gateway', level: 'silent' });
    gateway = await startService({ name: 'gateway', open: openGateway }, config, { logger });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const answerGoverned: typeof upstream.answer = (request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url === '/readyz') response.end(JSON.stringify({ status: 'ready', checks: {} }));
    else if (request.url !== '/params/gatewayRequestsPerMinute') response.end('{}');
    else if (!governed.isReachable) response.writeHead(503).end('{}');
    else {
      const { value } = governed;
      const param = { key: 'gatewayRequestsPerMinute', unit: 'requests/min', description: '', value };
      response.end(JSON.stringify({ ...param, min: '60', max: '1000000', blockNumber: 1 }));
    }
  };

  /** The quota the gateway tells, once it is the expected one; a test's time-out is the limit. */
  async function quotaBecomes(expected: string): Promise<void> {
    for (let told = ''; told !== expected; ) {
      const response = await fetch(`${gateway.url}/status`);
      const { requestsPerMinute } = (await response.json()) as { requestsPerMinute: number };
      told = String(requestsPerMinute);
    }
  }

  test('obeys the governed quota, and keeps the last known one', async () => {
    upstream.answer = answerGoverned;
    await quotaBecomes('500');
    governed.value = '100000';
    await quotaBecomes('100000');
    governed.isReachable = false;
    upstream.answer = (_request, response) => response.writeHead(503).end('{}');
    await once(upstream.server, 'request');
    const answer = await fetch(`${gateway.url}/api/v1/chain/chain`);
    expect(answer.headers.get('ratelimit-policy')).toBe('"address";q=100000;w=60');
  });

  test('says which service does not answer', async () => {
    upstream.answer = answerGoverned;
    const ready = await fetch(`${gateway.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(((await ready.json()) as { checks: object }).checks).toMatchObject({
      ledger: { ok: true },
      governance: { ok: false },
    });
    const status = (await (await fetch(`${gateway.url}/status`)).json()) as { upstreams: unknown[] };
    expect(status).toMatchObject({ service: 'gateway', status: 'degraded' });
    expect(status.upstreams).toHaveLength(5);
    expect(status.upstreams).toContainEqual({
      family: 'governance',
      service: 'governance',
      status: 'unreachable',
      circuit: 'closed',
      requestsInFlight: 0,
      failing: [],
    });
  });

  test('counts requests by operation and tells its circuits', async () => {
    upstream.answer = answerGoverned;
    await fetch(`${gateway.url}/api/v1/chain/chain`);
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(text).toMatch(
      /http_request_duration_seconds_count\{service="gateway",operation="chain\.getChain",status="200"\} \d/,
    );
    expect(text).toMatch(/gateway_upstream_circuit\{upstream="ledger",service="gateway"\} 0/);
  });

  test('openapi.json is what the service serves', async () => {
    const document: unknown = await (await fetch(`${gateway.url}/openapi.json`)).json();
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../openapi.json');
  });

  test('ends the requests it has before it closes', async () => {
    const exchange = Promise.withResolvers<() => void>();
    upstream.answer = (request, response) => {
      if (request.url === '/chain') exchange.resolve(() => response.end('{"late":true}'));
      else answerGoverned(request, response);
    };
    const answer = fetch(`${gateway.url}/api/v1/chain/chain`);
    const finish = await exchange.promise;
    const closing = gateway[Symbol.asyncDispose]();
    finish();
    expect(await (await answer).json()).toEqual({ late: true });
    await closing;
    await expect(fetch(`${gateway.url}/livez`)).rejects.toThrow();
  });
});
