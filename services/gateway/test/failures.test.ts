import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chunkPath, openTestGateway, type TestGatewayOptions } from './support/gateway.ts';
import { openSocket, problemCode, readAnswer, sendRaw } from './support/raw.ts';
import { startUpstream, type TestUpstream } from './support/upstream.ts';

let upstream: TestUpstream;
let count: number;

beforeEach(async () => {
  upstream = await startUpstream();
  count = 0;
});
afterEach(async () => {
  await upstream[Symbol.asyncDispose]();
});

const open = (options: Partial<TestGatewayOptions> = {}) => openTestGateway({ upstreamUrl: upstream.url, ...options });

/** Counts the requests, and cuts the connection of the first `cuts` of them. */
function cutConnections(cuts = Number.POSITIVE_INFINITY): void {
  upstream.answer = (request, response) => {
    count += 1;
    if (count <= cuts) request.socket.destroy();
    else response.end('fine');
  };
}

async function call(url: string, method = 'GET', path = '/api/v1/chain/chain', init: RequestInit = {}) {
  const response = await fetch(`${url}${path}`, { method, ...init });
  const text = await response.text();
  const code = text.startsWith('{') ? (JSON.parse(text) as { code?: string }).code : undefined;
  return { status: response.status, code, text, headers: response.headers };
}

describe('an upstream that breaks off before it answers', () => {
  test('is asked once more for a GET', async () => {
    await using gateway = await open();
    cutConnections(1);
    expect(await call(gateway.url)).toMatchObject({ status: 200, text: 'fine' });
    expect([count, gateway.retries.count]).toEqual([2, 1]);
  });

  test('is asked twice at most', async () => {
    await using gateway = await open();
    cutConnections();
    expect(await call(gateway.url)).toMatchObject({ status: 502, code: 'GATEWAY_UPSTREAM_FAILED' });
    expect(count).toBe(2);
  });

  test('is asked once for a POST, and once for whatever has a body', async () => {
    await using gateway = await open();
    const authorization = `Bearer ${await gateway.identity.userToken({ roles: ['user'] })}`;
    cutConnections();
    expect((await call(gateway.url, 'POST', '/api/v1/chain/rpc', { body: '{}' })).status).toBe(502);
    expect(count).toBe(1);
    const body = new Uint8Array(10);
    expect((await call(gateway.url, 'PUT', chunkPath, { body, headers: { authorization } })).status).toBe(502);
    expect(count).toBe(2);
    expect(
      (await call(gateway.url, 'DELETE', '/api/v1/identity/api-keys/x', { headers: { authorization } })).status,
    ).toBe(502);
    expect(count).toBe(4);
  });

  test('is asked more only within the budget', async () => {
    await using gateway = await open();
    cutConnections();
    for (let i = 0; i < 100; i += 1) await call(gateway.url);
    expect(gateway.retries.count).toBeGreaterThanOrEqual(10);
    expect(gateway.retries.count).toBeLessThanOrEqual(20);
    expect(count).toBe(100 + gateway.retries.count);
  });

  test('after the head: the client sees that the answer is incomplete, and nothing is asked again', async () => {
    await using gateway = await open();
    upstream.answer = (request, response) => {
      count += 1;
      response.writeHead(200, { 'content-length': 100 });
      response.write('part', () => request.socket.destroy());
    };
    await expect(call(gateway.url)).rejects.toThrow();
    expect(count).toBe(1);
  });

  test('while it takes an upload', async () => {
    await using gateway = await open();
    const token = await gateway.identity.userToken({ roles: ['user'] });
    upstream.answer = (request) => request.once('data', () => request.socket.destroy());
    const head = `PUT ${chunkPath} HTTP/1.1\r\nHost: lucid.test\r\nAuthorization: Bearer ${token}\r\n`;
    const answer = await sendRaw(gateway.url, `${head}Content-Length: 1000\r\n\r\nbegin`);
    expect([answer.statuses, problemCode(answer)]).toEqual([[502], 'GATEWAY_UPSTREAM_FAILED']);
  });

  test('not there at all', async () => {
    await using gateway = await open();
    await upstream.stop();
    const answer = await call(gateway.url);
    expect(answer).toMatchObject({ status: 503, code: 'GATEWAY_UPSTREAM_UNREACHABLE' });
    expect(answer.headers.get('retry-after')).toBe('1');
    await upstream.restart();
    expect((await call(gateway.url)).status).toBe(200);
  });
});

describe('an upstream that answers what is no HTTP', () => {
  const answers: [string, string][] = [
    ['garbage', 'garbage\r\n\r\n'],
    ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok '],
    ['a header of 64 KB', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(65_536)}\r\n\r\n`],
  ];
  test.each(answers)('%s', async (_name, bytes) => {
    await using server = await startBytes(() => bytes);
    await using gateway = await openTestGateway({ upstreamUrl: server.url });
    expect(await call(gateway.url, 'POST', '/api/v1/chain/rpc')).toMatchObject({
      status: 502,
      code: 'GATEWAY_UPSTREAM_FAILED',
    });
  });

  test('bytes after an answer are never the answer to another request', async () => {
    const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
    let answered = 0;
    await using server = await startBytes(() => {
      answered += 1;
      return `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${poison}`;
    });
    await using gateway = await openTestGateway({ upstreamUrl: server.url });
    for (let i = 0; i < 5; i += 1) expect((await call(gateway.url)).text).not.toBe('poison');
    expect(answered).toBeGreaterThan(1);
  });
});

describe('the circuit breaker', () => {
  test('opens by count, refuses, lets one probe through, and closes by its success', async () => {
    let now = 0;
    await using gateway = await open({ upstream: { circuitFailuresMax: 3, circuitOpenMs: 1000, now: () => now } });
    cutConnections();
    const rpc = () => call(gateway.url, 'POST', '/api/v1/chain/rpc');
    for (let i = 0; i < 3; i += 1) expect((await rpc()).code).toBe('GATEWAY_UPSTREAM_FAILED');
    const refused = await rpc();
    expect(refused).toMatchObject({ status: 503, code: 'CIRCUIT_OPEN' });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(count).toBe(3);

    now = 1000;
    expect(gateway.upstream.circuit).toBe('half-open');
    expect((await rpc()).code).toBe('GATEWAY_UPSTREAM_FAILED');
    expect((await rpc()).code).toBe('CIRCUIT_OPEN');
    expect(count).toBe(4);

    now = 2000;
    const held = Promise.withResolvers<ServerResponse>();
    upstream.answer = (_request, response) => {
      count += 1;
      held.resolve(response);
    };
    const probe = rpc();
    const response = await held.promise;
    expect((await rpc()).code).toBe('CIRCUIT_OPEN');
    expect(count).toBe(5);
    response.end('fine');
    expect((await probe).status).toBe(200);
    upstream.answer = undefined;
    expect((await rpc()).status).toBe(200);
    expect(gateway.upstream.circuit).toBe('closed');
  });

  test.each([
    [500, 'open'],
    [502, 'open'],
    [504, 'open'],
    [503, 'closed'],
    [501, 'closed'],
    [404, 'closed'],
    [429, 'closed'],
  ])('answers of status %i leave it %s', async (status, circuit) => {
    await using gateway = await open({ upstream: { circuitFailuresMax: 3 } });
    upstream.answer = (_request, response) => response.writeHead(status).end();
    for (let i = 0; i < 3; i += 1) expect((await call(gateway.url)).status).toBe(status);
    expect(gateway.upstream.circuit).toBe(circuit);
  });

  test('what clients do says nothing of the upstream', async () => {
    await using gateway = await open({ upstream: { circuitFailuresMax: 2 } });
    const token = await gateway.identity.userToken({ roles: ['user'] });
    upstream.answer = (request) => void request.once('data', () => undefined);
    for (let i = 0; i < 3; i += 1) {
      const arrived = once(upstream.server, 'request');
      const socket = await openSocket(gateway.url);
      socket.write(
        `PUT ${chunkPath} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Length: 9\r\n\r\nx`,
      );
      const [request] = (await arrived) as [NodeJS.EventEmitter];
      const closed = new Promise((resolve) => request.once('close', resolve));
      request.on('error', () => undefined);
      socket.destroy();
      await closed;
    }
    expect(gateway.upstream.circuit).toBe('closed');
  });
});

describe('time', () => {
  const upload = async (url: string, token: string) => {
    const socket = await openSocket(url);
    socket.write(
      `PUT ${chunkPath} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Length: 9\r\n\r\nx`,
    );
    return await readAnswer(socket);
  };

  test('an upstream that does not begin to answer', async () => {
    await using gateway = await open({ upstream: { timeouts: { firstByteMs: 100, idleMs: 5000, totalMs: 5000 } } });
    upstream.answer = () => undefined;
    expect(await call(gateway.url)).toMatchObject({ status: 504, code: 'GATEWAY_UPSTREAM_TIMEOUT' });
  });

  test('a client that stops sending its body', async () => {
    await using gateway = await open({ upstream: { timeouts: { firstByteMs: 5000, idleMs: 100, totalMs: 5000 } } });
    const answer = await upload(gateway.url, await gateway.identity.userToken());
    expect([answer.statuses, problemCode(answer)]).toEqual([[408], 'REQUEST_TIMEOUT']);
  });

  test('an answer that stops', async () => {
    await using gateway = await open({ upstream: { timeouts: { firstByteMs: 5000, idleMs: 100, totalMs: 5000 } } });
    upstream.answer = (_request, response) => void response.writeHead(200, { 'content-length': 9 }).write('x');
    await expect(call(gateway.url)).rejects.toThrow();
  });

  test('an answer that never ends', async () => {
    await using gateway = await open({ upstream: { timeouts: { firstByteMs: 5000, idleMs: 5000, totalMs: 300 } } });
    upstream.answer = (_request, response) => {
      const drip = setInterval(() => response.write('x'), 10);
      response.once('close', () => clearInterval(drip));
    };
    await expect(call(gateway.url)).rejects.toThrow();
  });

  test('a head that arrives by the byte', async () => {
    await using gateway = await open({ headersTimeoutMs: 200 });
    const answer = await sendRaw(gateway.url, 'GET /api/v1/chain/chain HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    expect([answer.statuses, problemCode(answer)]).toEqual([[408], 'REQUEST_TIMEOUT']);
  });
});

describe('load', () => {
  /** Holds requests at the upstream until the test lets them go. */
  function hold(expected: number) {
    const responses: ServerResponse[] = [];
    const arrived = Promise.withResolvers<void>();
    upstream.answer = (_request, response) => {
      count += 1;
      responses.push(response);
      if (responses.length === expected) arrived.resolve();
    };
    return { arrived: arrived.promise, release: () => responses.forEach((response) => response.end('fine')) };
  }

  test.each([
    ['one upstream', { upstream: { connectionsMax: 2 } }],
    ['one client', { clientRequestsInFlightMax: 2 }],
    ['all', { requestsInFlightMax: 2 }],
  ])('beyond the limit for %s is refused at once', async (_name, options) => {
    await using gateway = await open(options);
    const { arrived, release } = hold(2);
    const first = [call(gateway.url), call(gateway.url)];
    await arrived;
    const refused = await call(gateway.url);
    expect(refused).toMatchObject({ status: 503, code: 'OVERLOADED' });
    expect(refused.headers.get('retry-after')).toBe('1');
    release();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    expect(count).toBe(2);
    upstream.answer = undefined;
    expect((await call(gateway.url)).status).toBe(200);
  });

  test('connections to an upstream are kept and bounded', async () => {
    await using gateway = await open({ upstream: { connectionsMax: 4 } });
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 4 }, () => call(gateway.url)));
    }
    expect(upstream.sockets.size).toBeLessThanOrEqual(4);
  });
});

async function startBytes(answer: () => string) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).on('data', () => socket.write(answer()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}
