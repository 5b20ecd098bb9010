import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { ReadableStream } from 'node:stream/web';
import { createLucidClient } from '@lucid/client/lucid-client';
import { createSocksFetch } from '@lucid/client/socks-fetch';
import { expect, test } from 'vitest';
import { startSocksServer } from './socks-server.ts';

const onion = `${'a'.repeat(56)}.onion`;

/** An HTTP server that names lead to through a proxy, for as long as `use` runs. */
async function behindProxy(answer: RequestListener, use: (proxy: string, asked: readonly string[]) => Promise<void>) {
  const server = createServer(answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await using socks = await startSocksServer({ port: (server.address() as AddressInfo).port });
    await use(socks.proxy, socks.asked);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('a name goes to the proxy as it is', async () => {
  const answer: RequestListener = (request, response) => response.end(JSON.stringify({ host: request.headers.host }));
  await behindProxy(answer, async (proxy, asked) => {
    const fetch = createSocksFetch(proxy);
    for (const _ of [1, 2, 3]) {
      const response = await fetch(`http://${onion}/`, { headers: new Headers({ accept: 'application/json' }) });
      expect(await response.json()).toEqual({ host: onion });
    }
    expect([...new Set(asked)]).toEqual([`${onion}:80`]);
  });
});

test('16 MiB are streamed up and down', async () => {
  const answer: RequestListener = (request, response) => request.pipe(response);
  await behindProxy(answer, async (proxy) => {
    const parts = Array.from({ length: 256 }, () => new Uint8Array(randomBytes(65_536)));
    const response = await createSocksFetch(proxy)(`http://${onion}/`, {
      method: 'PUT',
      body: ReadableStream.from(parts),
      duplex: 'half',
      signal: AbortSignal.timeout(20_000),
    } as unknown as RequestInit);
    const digest = createHash('sha256')
      .update(new Uint8Array(await response.arrayBuffer()))
      .digest('hex');
    expect(digest).toBe(createHash('sha256').update(Buffer.concat(parts)).digest('hex'));
  });
});

test.each([
  [0xf0, { code: 'UPSTREAM_UNREACHABLE', status: 503, data: { reply: 'F0' } }],
  [0xf2, { code: 'UPSTREAM_UNREACHABLE', status: 503, data: { reply: 'F2' } }],
  [0xf4, { code: 'SOCKS_REFUSED', status: 403, data: { reply: 'F4' } }],
  [0xf6, { code: 'SOCKS_REFUSED', status: 403, data: { reply: 'F6' } }],
])('a call that the proxy refuses with %i says why', async (reply, expected) => {
  await using socks = await startSocksServer({ reply });
  const { identity } = createLucidClient({ gatewayUrl: `http://${onion}`, fetch: createSocksFetch(socks.proxy) });
  await expect(identity.getMe()).rejects.toMatchObject(expected);
  // What may pass is tried again; what will not, is not.
  expect(socks.asked).toHaveLength(expected.status === 503 ? 3 : 1);
});

test('a call that is given up leaves no connection on its way', async () => {
  const silent = createTcpServer();
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const sockets: Promise<unknown>[] = [];
  silent.on('connection', (socket) => sockets.push(once(socket.resume(), 'close')));
  const fetch = createSocksFetch(`127.0.0.1:${(silent.address() as AddressInfo).port}`);
  await expect(fetch(`http://${onion}/`, { signal: AbortSignal.timeout(100) })).rejects.toThrow(/timeout/);
  await Promise.all(sockets);
  expect(sockets).toHaveLength(1);
  await new Promise((resolve) => silent.close(resolve));
});

test('an onion name is never looked up', () => {
  for (const gatewayUrl of [
    `http://${onion}`,
    `http://${onion}:8082/`,
    `https://www.${onion.toUpperCase()}.`,
    `http://${onion}..`,
  ]) {
    expect(() => createLucidClient({ gatewayUrl })).toThrow(expect.objectContaining({ code: 'ONION_NEEDS_SOCKS' }));
  }
  const urls = { ledger: `http://${onion}` };
  expect(() => createLucidClient({ gatewayUrl: 'http://127.0.0.1:1', urls })).toThrow(/through tor only/);
});
