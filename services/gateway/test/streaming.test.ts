import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { chunkPath, openTestGateway, type TestGateway } from './support/gateway.ts';
import { openSocket, problemCode, readAnswer, sendRaw } from './support/raw.ts';
import { startUpstream, type TestUpstream } from './support/upstream.ts';

let upstream: TestUpstream;
let gateway: TestGateway;
let token: string;

beforeAll(async () => {
  upstream = await startUpstream();
  gateway = await openTestGateway({ upstreamUrl: upstream.url });
  token = await gateway.identity.userToken({ roles: ['user'] });
});
afterEach(() => {
  upstream.answer = undefined;
  upstream.received.length = 0;
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const mebibyte = 1024 * 1024;
/** What the kernel's socket buffers and the streams' own may hold on the way; all else must wait. */
const onTheWayMax = 24 * mebibyte;

/** The next request the upstream gets, to be answered by the test. */
function nextExchange(): Promise<{ request: IncomingMessage; response: ServerResponse }> {
  return new Promise((resolve) => {
    upstream.answer = (request, response) => resolve({ request, response });
  });
}

/** Resolves once the count has stood still: whoever counts is held up. */
async function standsStill(count: () => number): Promise<number> {
  for (let before = -1; ; ) {
    const now = count();
    if (now > 0 && now === before) return now;
    before = now;
    await delay(250);
  }
}

const uploadHead = (length: number | 'chunked', extra = '') =>
  `PUT ${chunkPath} HTTP/1.1\r\nHost: lucid.test\r\nAuthorization: Bearer ${token}\r\n${extra}` +
  `Content-Type: application/octet-stream\r\n` +
  `${length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n\r\n`;

describe('downloads', () => {
  test('200 MB pushed at a client that does not read are held back at the upstream', async () => {
    const total = 200 * mebibyte;
    const piece = Buffer.alloc(64 * 1024, 7);
    let pushed = 0;
    const push = async (response: ServerResponse) => {
      response.writeHead(200, { 'content-length': total });
      for (; pushed < total; pushed += piece.length) {
        if (!response.write(piece)) await once(response, 'drain');
      }
      response.end();
    };
    upstream.answer = (_request, response) => void push(response);
    const socket = await openSocket(gateway.url);
    socket.pause();
    socket.write('GET /api/v1/chain/chain HTTP/1.1\r\nHost: lucid.test\r\nConnection: close\r\n\r\n');
    expect(await standsStill(() => pushed)).toBeLessThan(onTheWayMax);
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    socket.resume();
    await once(socket, 'close');
    expect(received).toBeGreaterThanOrEqual(total);
    expect(received).toBeLessThan(total + 2048);
  });

  test('the first bytes reach the client before the last are sent', async () => {
    const exchange = nextExchange();
    const answer = fetch(`${gateway.url}/api/v1/chain/chain`);
    const { response } = await exchange;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('first');
    const reader = (await answer).body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first');
    response.end('last');
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('last');
  });

  test('the head reaches the client before there is a body', async () => {
    const exchange = nextExchange();
    const answer = fetch(`${gateway.url}/api/v1/chain/chain`);
    const { response } = await exchange;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    expect((await answer).headers.get('content-type')).toBe('text/event-stream');
    response.end();
    expect(await (await answer).text()).toBe('');
  });

  test('a client that leaves ends the upstream’s answer', async () => {
    const exchange = nextExchange();
    const abort = new AbortController();
    const answer = fetch(`${gateway.url}/api/v1/chain/chain`, { signal: abort.signal });
    const { response } = await exchange;
    response.writeHead(200).write('x');
    await answer;
    abort.abort();
    await once(response, 'close');
    expect(response.writableFinished).toBe(false);
  });

  test('HEAD has the length and no body', async () => {
    upstream.answer = (_request, response) => response.writeHead(200, { 'content-length': 12 }).end();
    const response = await fetch(`${gateway.url}/api/v1/chain/chain`, { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe('12');
    expect(await response.text()).toBe('');
  });

  test.each([204, 304])('%i has no body', async (status) => {
    upstream.answer = (_request, response) => response.writeHead(status, { etag: '"a"' }).end();
    const response = await fetch(`${gateway.url}/api/v1/chain/chain`);
    expect(response.status).toBe(status);
    expect(response.headers.get('etag')).toBe('"a"');
  });
});

describe('uploads', () => {
  test('64 MiB sent to an upstream that does not read are held back at the client', async () => {
    const content = randomBytes(mebibyte);
    const total = 64 * mebibyte;
    const exchange = nextExchange();
    const socket = await openSocket(gateway.url);
    let sent = 0;
    const sending = (async () => {
      socket.write(uploadHead(total));
      for (; sent < total; sent += content.length) if (!socket.write(content)) await once(socket, 'drain');
    })();
    const { request, response } = await exchange;
    expect(await standsStill(() => sent)).toBeLessThan(onTheWayMax);
    const hash = createHash('sha256');
    let received = 0;
    for await (const chunk of request) {
      received += (chunk as Buffer).length;
      hash.update(chunk as Buffer);
    }
    response.end('stored');
    await sending;
    expect((await readAnswer(socket)).statuses).toEqual([200]);
    socket.destroy();
    expect(received).toBe(total);
    const expected = createHash('sha256');
    for (let i = 0; i < 64; i += 1) expected.update(content);
    expect(hash.digest('hex')).toBe(expected.digest('hex'));
  });

  test('the first bytes reach the upstream before the last are sent', async () => {
    const exchange = nextExchange();
    const socket = await openSocket(gateway.url);
    socket.write(`${uploadHead('chunked')}5\r\nfirst\r\n`);
    const { request, response } = await exchange;
    const [first] = (await once(request, 'data')) as [Buffer];
    expect(first.toString()).toBe('first');
    socket.write('4\r\nlast\r\n0\r\n\r\n');
    await once(request, 'end');
    response.end();
    expect((await readAnswer(socket)).statuses).toEqual([200]);
    socket.destroy();
  });

  test('a request without a token is refused before its body is sent', async () => {
    const head = uploadHead(16 * mebibyte).replace(/Authorization.*\r\n/, '');
    const answer = await sendRaw(gateway.url, head);
    expect([answer.statuses, problemCode(answer)]).toEqual([[401], 'AUTH_TOKEN_MISSING']);
    expect(upstream.received).toEqual([]);
  });

  test('one that waits to be told goes on is refused instead', async () => {
    const head = uploadHead(16 * mebibyte, 'Expect: 100-continue\r\n').replace(/Authorization.*\r\n/, '');
    expect((await sendRaw(gateway.url, head)).statuses).toEqual([401]);
  });

  test('a refused client that keeps sending is cut off', async () => {
    const socket = await openSocket(gateway.url);
    const closed = once(socket, 'close');
    socket.write(uploadHead(64 * mebibyte).replace(/Authorization.*\r\n/, ''));
    expect((await readAnswer(socket)).statuses).toEqual([401]);
    await closed;
  });

  test('an answer before the end of the body reaches the client', async () => {
    const exchange = nextExchange();
    const socket = await openSocket(gateway.url);
    socket.write(`${uploadHead(1000)}begin`);
    const { response } = await exchange;
    response.writeHead(409, { 'content-length': 2 }).end('no');
    const answer = await readAnswer(socket);
    expect(answer.statuses).toEqual([409]);
    expect(answer.text).toMatch(/no$/);
    socket.destroy();
  });

  test('a chunked body over the limit is stopped where it passes it', async () => {
    const operator = await gateway.identity.userToken({ roles: ['operator'] });
    const head = `POST /api/v1/chain/anchors HTTP/1.1\r\nHost: lucid.test\r\nAuthorization: Bearer ${operator}\r\n`;
    const body = `1000\r\n${'x'.repeat(4096)}\r\n1\r\nx\r\n`;
    const answer = await sendRaw(gateway.url, `${head}Transfer-Encoding: chunked\r\n\r\n${body}`);
    expect([answer.statuses, problemCode(answer)]).toEqual([[413], 'REQUEST_TOO_LARGE']);
    expect(upstream.received).toEqual([]);
  });

  test('a client that leaves ends the upstream’s request', async () => {
    const exchange = nextExchange();
    const socket = await openSocket(gateway.url);
    socket.write(`${uploadHead(1000)}begin`);
    const { request } = await exchange;
    request.on('error', () => undefined).resume();
    const closed = new Promise((resolve) => request.once('close', resolve));
    socket.destroy();
    await closed;
    expect(request.complete).toBe(false);
  });
});
