import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { defineApi } from '@lucid/common/apis/api';
import { installFastLane, type Lane, type LaneOptions } from '@lucid/common/http/fast-lane/lane';
import type { LaneAnswer, LaneRoute } from '@lucid/common/http/fast-lane/route';
import { implement } from '@lucid/common/http/implement';
import { createService, type ServiceLimits } from '@lucid/common/http/service';
import { traceHeaders } from '@lucid/common/http/trace';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import Type from 'typebox';
import { afterEach, describe, expect, test } from 'vitest';

const answer = { 200: { description: 'Done', schema: Type.Unknown() } };
const shared = { summary: 'Does it', access: 'public', responses: answer } as const;
const api = defineApi({
  service: 'target',
  title: 'Target',
  description: 'Is asked',
  errors: {},
  operations: {
    postBytes: {
      method: 'POST',
      path: '/bytes',
      rawBody: { contentTypes: ['application/octet-stream'], mode: 'buffer' },
      bodyBytesMax: 100,
      ...shared,
    },
    getSlow: { method: 'GET', path: '/slow', ...shared },
    getLarge: { method: 'GET', path: '/large', ...shared },
    getOther: { method: 'GET', path: '/other', ...shared },
  },
});

interface Line {
  readonly msg: string;
  readonly status?: number;
  readonly operation?: string;
  readonly requestId?: string;
  readonly traceparent?: string;
}

let app: FastifyInstance | undefined;
let lane: Lane | undefined;
let release = Promise.withResolvers<void>();
let entered = 0;
let lines: Line[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  release.resolve();
  for (const socket of sockets.splice(0)) socket.destroy();
  await app?.close();
  app = undefined;
  lane = undefined;
  release = Promise.withResolvers();
  entered = 0;
  lines = [];
});

const large = Buffer.alloc(64 * 1024 * 1024, 'x');
const json = (value: unknown): LaneAnswer => ({
  status: 200,
  body: JSON.stringify(value),
  contentType: 'application/json; charset=utf-8',
});
const slow = async () => {
  entered += 1;
  await release.promise;
  return { done: true };
};

function routes(): LaneRoute[] {
  const get = { method: 'GET', access: 'public', contentTypes: [], bodyBytesMax: 0, headers: [] } as const;
  return [
    { ...get, target: '/slow', operationId: 'getSlow', serve: async () => json(await slow()) },
    { ...get, target: '/large', operationId: 'getLarge', serve: () => ({ ...json(''), body: large }) },
    {
      ...get,
      method: 'POST',
      target: '/bytes',
      operationId: 'postBytes',
      contentTypes: ['application/octet-stream'],
      bodyBytesMax: 100,
      serve: ({ body }) => json({ size: body.length, trace: traceHeaders() }),
    },
  ];
}

type Started = { readonly port: number; readonly open: () => Promise<Client> };

async function start(
  withLane: boolean,
  limits: Partial<ServiceLimits> = {},
  options: LaneOptions & { readonly keepAliveMs?: number } = {},
): Promise<Started> {
  const logger = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as Line) });
  app = await createService({ api, version: '1', logger, limits });
  await implement(app, api, {
    postBytes: ({ body }) => ({ size: (body as Buffer).length, trace: traceHeaders() }),
    getSlow: slow,
    getLarge: ({ reply }) => reply.send(large),
    getOther: () => ({ other: true }),
  });
  if (options.keepAliveMs !== undefined) app.server.keepAliveTimeout = options.keepAliveMs;
  if (withLane) lane = installFastLane(app, routes(), options);
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  lines = [];
  const port = Number(new URL(url).port);
  return { port, open: () => openClient(port) };
}

type Client = { readonly socket: Socket; readonly text: () => string; readonly ended: Promise<unknown> };

async function openClient(port: number): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  sockets.push(socket);
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
  socket.on('error', () => undefined);
  // Also where it is cut while the client still writes.
  const ended = new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
  await once(socket, 'connect');
  return { socket, text: () => text, ended };
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

async function connections(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  app?.server.getConnections((_error, count) => resolve(count));
  return await promise;
}

const post = (size: number, more = '') =>
  `POST /bytes HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\n${more}Content-Length: ${size}\r\n\r\n`;
const getSlow = 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n';

describe.each([
  ['on the lane', true],
  ['without the lane', false],
])('%s', (_name, withLane) => {
  test('a connection that brings nothing is told so and closed', async () => {
    const { open } = await start(withLane, { headersTimeoutMs: 100 });
    const client = await open();
    await client.ended;
    expect(client.text()).toMatch(/^HTTP\/1\.1 408 .*REQUEST_TIMEOUT/s);
  });

  test('a head that does not arrive in time is 408', async () => {
    const { open } = await start(withLane, { headersTimeoutMs: 100 });
    const client = await open();
    client.socket.write('POST /bytes HTTP/1.1\r\nHost: a\r\n');
    await client.ended;
    expect(client.text()).toMatch(/^HTTP\/1\.1 408 .*REQUEST_TIMEOUT/s);
  });

  test('a body that does not arrive in time is 408, however slowly it goes on, and logged as gone', async () => {
    const { open } = await start(withLane, { headersTimeoutMs: 100, requestTimeoutMs: 150 });
    const client = await open();
    client.socket.write(`${post(100)}x`);
    const drip = setInterval(() => client.socket.write('x'), 20);
    await client.ended;
    clearInterval(drip);
    expect(client.text()).toMatch(/^HTTP\/1\.1 408 .*REQUEST_TIMEOUT/s);
    await until(() => lines.some(({ operation, status }) => operation === 'postBytes' && status === 499));
    await until(() => app?.traffic.inFlight === 0);
  });

  test('a client that takes nothing of its answer is cut', async () => {
    const { open } = await start(withLane, { stallTimeoutMs: 100, headersTimeoutMs: 100 });
    const client = await open();
    client.socket.pause();
    client.socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => lines.some(({ operation }) => operation === 'getLarge'));
    await until(async () => (await connections()) === 0);
  });

  test('a connection nobody uses any more is closed after its keep-alive time', async () => {
    const { open } = await start(withLane, { headersTimeoutMs: 100 }, { keepAliveMs: 1000 });
    const client = await open();
    client.socket.write(`${post(1)}x`);
    await client.ended;
    expect(client.text()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\nConnection: keep-alive\r\nKeep-Alive: timeout=1\r\n/s);
  });

  test('connections over the limit are not taken', async () => {
    const { open } = await start(withLane, { connectionsMax: 1 });
    const first = await open();
    first.socket.write(`${post(1)}x`);
    await until(() => first.text().includes('"size":1'));
    const second = await open();
    await second.ended;
    expect(second.text()).toBe('');
    first.socket.write(`${post(2)}xx`);
    await until(() => first.text().includes('"size":2'));
  });

  test('an id and a trace that are given are carried on; others are made', async () => {
    const { open } = await start(withLane);
    const client = await open();
    const id = '6f1f54a6-0f0a-4c8e-9a3e-0d7d3cf2f0aa';
    const given = `X-Request-Id: ${id}\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n`;
    client.socket.write(`${post(1, given)}x`);
    await until(() => client.text().includes('"size":1'));
    expect(client.text()).toContain(`x-request-id: ${id}\r\n`);
    expect(client.text()).toMatch(
      new RegExp(`"x-request-id":"${id}","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-`),
    );
    client.socket.write(`${post(1, 'X-Request-Id: evil\r\nTraceparent: evil\r\n')}x`);
    await until(() => lines.length === 2);
    expect(lines[0]).toMatchObject({
      requestId: id,
      status: 200,
      operation: 'postBytes',
      path: '/bytes',
      method: 'POST',
    });
    expect(lines[0]?.traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    expect(lines[1]?.requestId).toMatch(/^[0-9a-f]{8}-/);
    expect(lines[1]?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    const metrics = await app?.metrics.registry.metrics();
    expect(metrics).toMatch(/_count\{service="target",operation="postBytes",status="200"\} 2/);
  });

  test('closing lets what is in work be answered, and closes what is idle', async () => {
    const { open } = await start(withLane);
    const [busy, idle] = [await open(), await open()];
    idle.socket.write(`${post(1)}x`);
    await until(() => idle.text().includes('"size":1'));
    busy.socket.write(getSlow);
    await until(() => entered === 1);
    const closed = app?.close();
    await idle.ended;
    expect(busy.text()).toBe('');
    release.resolve();
    await until(() => busy.text().includes('"done":true'));
    busy.socket.end();
    await closed;
  });

  test('while it drains every answer says that the connection closes', async () => {
    const { open } = await start(withLane);
    const client = await open();
    client.socket.write(`${post(1)}x`);
    await until(() => client.text().includes('"size":1'));
    app?.readiness.drain();
    client.socket.write(`${post(2)}xx`);
    await client.ended;
    expect(client.text()).toMatch(/connection: close\r\n.*"size":2/is);
  });

  test('a client that goes away is logged as such, and its place is free again', async () => {
    const { open } = await start(withLane, { requestsInFlightMax: 1 });
    const gone = await open();
    gone.socket.write(getSlow);
    await until(() => entered === 1);
    gone.socket.destroy();
    await until(() => lines.some(({ operation, status }) => operation === 'getSlow' && status === 499));
    const client = await open();
    client.socket.write(`${post(1)}x`);
    await until(() => client.text().includes('"size":1'));
  });

  test('requests that came together are answered in their order', async () => {
    const { open } = await start(withLane);
    const client = await open();
    client.socket.write(`${post(1)}x${post(2)}xx${getSlow}${post(3)}xxx`);
    await until(() => entered === 1);
    release.resolve();
    await until(() => client.text().includes('"size":3'));
    expect(client.text().match(/"size":\d|"done"/g)).toEqual(['"size":1', '"size":2', '"done"', '"size":3']);
  });

  test('a body in pieces is one body', async () => {
    const { open } = await start(withLane);
    const client = await open();
    client.socket.write(`${post(3)}x`);
    await until(async () => (await connections()) === 1);
    client.socket.write('xx');
    await until(() => client.text().includes('"size":3'));
  });
});

describe('what the lane does not serve', () => {
  test('goes to the ordinary server with the rest of its connection, after what was served', async () => {
    const { open } = await start(true);
    const client = await open();
    client.socket.write(`${post(1)}x`);
    await until(() => client.text().includes('"size":1'));
    expect(lane?.connectionCount).toBe(1);
    client.socket.write('GET /other HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => client.text().includes('"other":true'));
    expect(lane?.connectionCount).toBe(0);
    client.socket.write(`${post(2)}xx`);
    await until(() => client.text().includes('"size":2'));
    expect(client.text().match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });
});

describe('without room', () => {
  test('a request is held, its connection unread, and served when there is room', async () => {
    const { open } = await start(true, { requestsInFlightMax: 1 }, { holdMs: 60_000 });
    const [first, second] = [await open(), await open()];
    first.socket.write(getSlow);
    await until(() => entered === 1);
    second.socket.write(getSlow);
    await until(() => lane?.heldCount === 1);
    expect(entered).toBe(1);
    release.resolve();
    await until(() => second.text().includes('"done":true'));
    expect(lines.map(({ status }) => status)).toEqual([200, 200]);
  });

  test('one that was held for as long as it may be is refused, and its connection goes on', async () => {
    const { open } = await start(true, { requestsInFlightMax: 1 }, { holdMs: 30 });
    const [first, second] = [await open(), await open()];
    first.socket.write(getSlow);
    await until(() => entered === 1);
    second.socket.write(getSlow);
    await until(() => second.text().includes('OVERLOADED'));
    expect(second.text()).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\nx-request-id: [^\r]+\r\nretry-after: 1\r\n/);
    const [head = '', body = ''] = second.text().split('\r\n\r\n');
    expect(head).toContain(`content-length: ${Buffer.byteLength(body, 'latin1')}`);
    expect(JSON.parse(Buffer.from(body, 'latin1').toString())).toMatchObject({ status: 503, code: 'OVERLOADED' });
    expect(entered).toBe(1);
    release.resolve();
    await until(() => first.text().includes('"done":true'));
    second.socket.write(getSlow);
    await until(() => second.text().includes('"done":true'));
  });

  test('one whose client went away is not served', async () => {
    const { open } = await start(true, { requestsInFlightMax: 1 }, { holdMs: 60_000 });
    const [first, second] = [await open(), await open()];
    first.socket.write(getSlow);
    await until(() => entered === 1);
    second.socket.write(getSlow);
    await until(() => lane?.heldCount === 1);
    second.socket.destroy();
    await until(() => lines.some(({ status }) => status === 499));
    release.resolve();
    await until(() => first.text().includes('"done":true'));
    await until(() => lane?.heldCount === 0);
    expect(entered).toBe(1);
  });
});
