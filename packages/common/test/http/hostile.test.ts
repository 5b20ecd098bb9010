import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { defineApi } from '@lucid/common/apis/api';
import { strictObject } from '@lucid/common/apis/schemas';
import { implement } from '@lucid/common/http/implement';
import { createService, type ServiceLimits } from '@lucid/common/http/service';
import { traceHeaders } from '@lucid/common/http/trace';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import Type from 'typebox';
import { afterEach, describe, expect, test } from 'vitest';

const number = strictObject({ value: Type.Integer() });
const answer = { 200: { description: 'Done', schema: Type.Unknown() } };
const shared = { summary: 'Does it', access: 'public', responses: answer } as const;
const raw = (mode: 'buffer' | 'stream') => ({ contentTypes: ['application/octet-stream'], mode });
const api = defineApi({
  service: 'target',
  title: 'Target',
  description: 'Is attacked',
  errors: {},
  operations: {
    postJson: { method: 'POST', path: '/json', body: number, ...shared },
    postBytes: { method: 'POST', path: '/bytes', rawBody: raw('buffer'), bodyBytesMax: 100, ...shared },
    putStream: { method: 'PUT', path: '/stream', rawBody: raw('stream'), bodyBytesMax: 100, ...shared },
    getLarge: { method: 'GET', path: '/large', ...shared },
    getSlow: { method: 'GET', path: '/slow', ...shared },
    getBroken: { method: 'GET', path: '/broken', ...shared },
  },
});

interface LogLine {
  readonly msg: string;
  readonly status?: number;
  readonly operation?: string;
}

let app: FastifyInstance | undefined;
let release = Promise.withResolvers<void>();
let entered = Promise.withResolvers<void>();
let lines: LogLine[] = [];
afterEach(async () => {
  release.resolve();
  await app?.close();
  app = undefined;
  release = Promise.withResolvers();
  entered = Promise.withResolvers();
  lines = [];
});

async function start(limits: Partial<ServiceLimits> = {}): Promise<number> {
  const logger = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as LogLine) });
  app = await createService({ api, version: '1', logger, limits });
  await implement(app, api, {
    postJson: ({ body }) => ({ body, trace: traceHeaders() }),
    postBytes: ({ body }) => ({ size: (body as Buffer).length }),
    putStream: async ({ body }) => {
      let size = 0;
      for await (const chunk of body as AsyncIterable<Uint8Array>) size += chunk.length;
      return { size };
    },
    getLarge: ({ reply }) => {
      entered.resolve();
      const endless = new Readable({ read: () => void endless.push(Buffer.alloc(65_536)) });
      return reply.type('application/octet-stream').send(endless);
    },
    getSlow: async () => {
      entered.resolve();
      await release.promise;
      return { done: true };
    },
    getBroken: () => {
      throw Object.assign(new Error('the store at 10.0.0.7 hung up'), { code: 'ECONNRESET' });
    },
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return Number(new URL(url).port);
}

/** A client that keeps its half of the connection open whatever the server does. */
async function open(port: number): Promise<{ socket: Socket; text: () => string; closed: Promise<unknown> }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return { socket, text: () => text, closed: once(socket, 'end') };
}

async function connections(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  app?.server.getConnections((_error, count) => resolve(count));
  return await promise;
}

function streamOf(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

async function send(port: number, path: string, init: RequestInit) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return { response, body: (await response.json()) as Record<string, unknown> };
}

describe('connections', () => {
  test('one that is no HTTP is answered and gone, also when its client never closes it', async () => {
    const port = await start();
    const client = await open(port);
    client.socket.write('GARBAGE\r\n\r\n');
    await client.closed;
    expect(client.text()).toMatch(/^HTTP\/1\.1 400 .*REQUEST_BODY_MALFORMED/s);
    await until(async () => (await connections()) === 0);
    client.socket.destroy();
  });

  test('an error on it is never told as the answer to an earlier request', async () => {
    const port = await start();
    const client = await open(port);
    client.socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await entered.promise;
    client.socket.write('GARBAGE\r\n\r\n');
    await client.closed.catch(() => undefined);
    expect(client.text()).toBe('');
  });

  test.each([
    ['two lengths', 'POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde'],
    [
      'length and chunks',
      'POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a folded header', 'GET /slow HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
    ['bare line feeds', 'GET /slow HTTP/1.1\nHost: a\n\n'],
    ['no host', 'GET /slow HTTP/1.1\r\n\r\n'],
  ])('%s: refused, and closed', async (_name, bytes) => {
    const client = await open(await start());
    client.socket.write(bytes);
    await client.closed;
    expect(client.text()).toMatch(/^HTTP\/1\.1 400 /);
    client.socket.destroy();
  });

  test('headers over the limit are 431', async () => {
    const client = await open(await start());
    client.socket.write(`GET /slow HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    await client.closed;
    expect(client.text()).toMatch(/^HTTP\/1\.1 431 .*HEADERS_TOO_LARGE/s);
    client.socket.destroy();
  });

  test('a body that does not arrive in time is 408', async () => {
    const client = await open(await start({ requestTimeoutMs: 100, headersTimeoutMs: 100 }));
    client.socket.write(
      'POST /json HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    );
    await client.closed;
    expect(client.text()).toMatch(/^HTTP\/1\.1 408 .*REQUEST_TIMEOUT/s);
    client.socket.destroy();
  });

  test('a client that takes nothing of its answer is cut; a handler that takes its time is not', async () => {
    const port = await start({ stallTimeoutMs: 100 });
    const waiting = fetch(`http://127.0.0.1:${port}/slow`);
    await entered.promise;
    const reader = await open(port);
    reader.socket.pause();
    reader.socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => lines.some(({ operation }) => operation === 'getLarge'));
    expect(lines).toContainEqual(expect.objectContaining({ operation: 'getLarge', status: 499 }));
    reader.socket.destroy();
    release.resolve();
    expect((await waiting).status).toBe(200);
  });
});

describe('bodies', () => {
  const bytes = { 'content-type': 'application/octet-stream' };

  test('one in a content coding is refused, not taken for what it is not', async () => {
    const port = await start();
    const headers = { ...bytes, 'content-encoding': 'gzip' };
    const { response, body } = await send(port, '/bytes', { method: 'POST', body: gzipSync('entry'), headers });
    expect(body).toMatchObject({ status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' });
    expect(response.headers.get('accept-encoding')).toBe('identity');
  });

  test('a stream over the limit is refused, whether it tells its length or not', async () => {
    const port = await start();
    const told = await send(port, '/stream', { method: 'PUT', body: 'x'.repeat(101), headers: bytes });
    expect(told.body).toMatchObject({ status: 413, code: 'REQUEST_TOO_LARGE' });
    const chunks = () => streamOf(new Uint8Array(60), new Uint8Array(60));
    const init = { method: 'PUT', body: chunks(), headers: bytes, duplex: 'half' } as RequestInit;
    expect((await send(port, '/stream', init)).body).toMatchObject({ status: 413, code: 'REQUEST_TOO_LARGE' });
    const within = { method: 'PUT', body: streamOf(new Uint8Array(60)), headers: bytes, duplex: 'half' };
    expect((await send(port, '/stream', within as RequestInit)).body).toEqual({ size: 60 });
  });

  test('one that breaks off is no fault of the service', async () => {
    const client = await open(await start());
    client.socket.write(
      'PUT /stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: 9\r\n\r\nx',
    );
    await until(async () => (await connections()) === 1);
    client.socket.destroy();
    await until(() => lines.some(({ operation }) => operation === 'putStream'));
    expect(lines.filter(({ msg }) => msg === 'request failed')).toEqual([]);
  });

  test.each(['application/json', 'APPLICATION/JSON', 'application/json ; charset=utf-8', 'application/json;a=b'])(
    'the schema holds for %s',
    async (type) => {
      const init = { method: 'POST', body: '{"value":"x"}', headers: { 'content-type': type } };
      expect((await send(await start(), '/json', init)).body).toMatchObject({ code: 'REQUEST_INVALID' });
    },
  );

  test.each(['application/jsonx', 'application/json+x', 'application/json,text/plain', 'text/plain', ''])(
    'no parser takes "%s"',
    async (type) => {
      const init = { method: 'POST', body: '{"value":1}', headers: { 'content-type': type } };
      expect((await send(await start(), '/json', init)).body).toMatchObject({ code: 'MEDIA_TYPE_UNSUPPORTED' });
    },
  );

  test('one that comes after its head still has the trace', async () => {
    const id = '6f1f54a6-0f0a-4c8e-9a3e-0d7d3cf2f0aa';
    const client = await open(await start());
    client.socket.write(
      `POST /json HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\nContent-Type: application/json\r\nContent-Length: 11\r\nConnection: close\r\n\r\n`,
    );
    await until(async () => (await connections()) === 1);
    client.socket.write('{"value":1}');
    await client.closed;
    expect(client.text()).toContain(`"x-request-id":"${id}"`);
    client.socket.destroy();
  });
});

describe('answers', () => {
  test('a broken connection behind the service is its fault and says nothing of itself', async () => {
    const { body } = await send(await start(), '/broken', {});
    expect(body).toMatchObject({ status: 500, code: 'INTERNAL' });
    expect(JSON.stringify(body)).not.toContain('10.0.0.7');
  });

  test.each(['OPTIONS', 'DELETE', 'QUERY', 'TRACE'])(
    '%s on a path that does not take it is not found',
    async (method) => {
      const client = await open(await start());
      client.socket.write(`${method} /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      await client.closed;
      expect(client.text()).toMatch(/^HTTP\/1\.1 404 .*ROUTE_NOT_FOUND/s);
      client.socket.destroy();
    },
  );

  test('HEAD answers the head of GET', async () => {
    const port = await start();
    const response = await fetch(`http://127.0.0.1:${port}/livez`, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '17', '']);
  });

  test('one whose client went away is logged as such, and its place is free again', async () => {
    const port = await start({ requestsInFlightMax: 1 });
    const gone = new AbortController();
    const first = fetch(`http://127.0.0.1:${port}/slow`, { signal: gone.signal });
    await entered.promise;
    expect((await send(port, '/json', { method: 'POST' })).body).toMatchObject({ code: 'OVERLOADED' });
    gone.abort();
    await expect(first).rejects.toThrow();
    await until(() => lines.some(({ status, operation }) => status === 499 && operation === 'getSlow'));
    const headers = { 'content-type': 'application/json' };
    expect((await send(port, '/json', { method: 'POST', body: '{"value":1}', headers })).response.status).toBe(200);
  });

  test('a path that cannot be decoded is refused', async () => {
    expect((await send(await start(), '/%zz', {})).body).toMatchObject({ status: 400, code: 'REQUEST_INVALID' });
  });
});
