import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createSocketServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../bundle/bundle.ts';
import { isReady, targetOf } from '../healthcheck/probe.ts';

/** Serves while `use` runs. */
async function serving(listener: RequestListener, use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('the variables the image names say where to ask', () => {
  const image = { HEALTHCHECK_HOST: 'VM_HOST', HEALTHCHECK_PORT: 'VM_PORT', HEALTHCHECK_PORTS: '1' };
  expect(targetOf({ ...image, VM_HOST: '0.0.0.0', VM_PORT: '8088' })).toEqual({ host: '127.0.0.1', ports: [8088] });
  expect(targetOf({ ...image, VM_HOST: '10.77.4.5', VM_PORT: '9000' })).toEqual({ host: '10.77.4.5', ports: [9000] });
  const platform = { HEALTHCHECK_PORT: 'LUCID_FIRST_PORT', HEALTHCHECK_PORTS: '3', LUCID_FIRST_PORT: '8080' };
  expect(targetOf(platform).ports).toEqual([8080, 8081, 8082]);
});

test('ready is 200 at /readyz, and only that', async () => {
  const asked: string[] = [];
  const answer: RequestListener = (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(asked.length === 1 ? 200 : 503).end('{"status":"…"}');
  };
  await serving(answer, async (port) => {
    expect(await isReady('127.0.0.1', port, 5000)).toBe(true);
    expect(await isReady('127.0.0.1', port, 5000)).toBe(false);
  });
  expect(asked).toEqual(['GET /readyz', 'GET /readyz']);
});

test('nobody listening, and somebody who says nothing, are not ready', async () => {
  const silent = createSocketServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  expect(await isReady('127.0.0.1', port, 50)).toBe(false);
  silent.close();
  await once(silent, 'close');
  expect(await isReady('127.0.0.1', port, 5000)).toBe(false);
});

test('the program exits 0 when every port is ready, 1 when one is not', async () => {
  let status = 200;
  const answer: RequestListener = (_request, response) => response.writeHead(status).end();
  await serving(answer, async (port) => {
    expect(await check(port)).toBe(0);
    status = 503;
    expect(await check(port)).toBe(1);
  });
});

function check(port: number): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>();
  const env = { HEALTHCHECK_PORT: 'X_PORT', X_PORT: String(port), NODE_OPTIONS: '' };
  const child = execFile(process.execPath, [join(root, 'docker/healthcheck/main.ts')], { env });
  child.once('exit', resolve);
  return promise;
}
