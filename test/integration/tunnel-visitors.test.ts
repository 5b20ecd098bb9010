import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tunnelsApi } from '@lucid/common/apis/tunnels';
import { createClient } from '@lucid/common/http/client';
import { connectThroughSocks } from '@lucid/common/http/socks';
import { systemClock } from '@lucid/common/runtime/clock';
import { loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { configSchema } from '@lucid/tunnel-tools/config';
import { openTunnelTools } from '@lucid/tunnel-tools/open';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createTestIdentity } from '../support/identity.ts';
import { startTorNetwork, type TorNetwork } from '../support/tor-network.ts';

// Somebody is visiting a tunnel while what they may do changes: tor alone would let them stay.

// A Tor network keeps its own time: it votes every twenty seconds, and a busy machine misses a vote.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const stack = new AsyncDisposableStack();
let network: TorNetwork;
let tunnels: Awaited<ReturnType<typeof openTools>>;
/** What the tunnels lead to. */
let target: Server;

async function openTools(targetUrl: string) {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-visitors-'));
  stack.defer(async () => await rm(folder, { recursive: true, force: true }));
  const identity = createTestIdentity();
  const jwks = stack.use(await identity.serveJwks());
  await writeFile(join(folder, 'key'), 'a secret of a test, long enough to be one');
  const config = loadConfig(configSchema, {
    TUNNEL_TOOLS_DATA_DIR: join(folder, 'data'),
    TUNNELS_KEY_FILE: join(folder, 'key'),
    TOR_CONTROL_PATH: network.onion.controlSocket,
    TUNNEL_TOOLS_GATEWAY_URL: targetUrl,
    TUNNEL_TOOLS_PROBE_INTERVAL_MS: '0',
    API_JWKS_URL: jwks.url,
  });
  const logger = createLogger({ name: 'test', level: 'silent' });
  const service = stack.use(await openTunnelTools(config, { logger, clock: systemClock() }));
  const baseUrl = await service.app.listen({ host: '127.0.0.1', port: 0 });
  const token = await identity.userToken({ roles: ['admin'] });
  return createClient(tunnelsApi, { baseUrl, token: () => token });
}

beforeAll(async () => {
  network = stack.use(await startTorNetwork());
  target = createServer((_request, response) => response.end('ok'));
  target.keepAliveTimeout = 300_000;
  await once(target.listen(0, '127.0.0.1'), 'listening');
  stack.defer(() => {
    target.closeAllConnections();
    target.close();
  });
  tunnels = await openTools(`http://127.0.0.1:${(target.address() as AddressInfo).port}`);
});
afterAll(async () => {
  await stack.disposeAsync();
});

async function published(name: string): Promise<void> {
  const { sleep } = systemClock();
  while ((await tunnels.getTunnel({ params: { name } })).state !== 'published') await sleep(100);
}

/** Goes in and stays: a connection that is kept open. */
async function visit(name: string): Promise<Socket> {
  const { onionAddress } = await tunnels.createTunnel({ body: { name, ports: [{ target: 'gateway' }] } });
  // Not before it is published: a tor that asked in vain does not ask again for a while.
  await published(name);
  const { socks } = network.visitor;
  for (let tries = 1; ; tries += 1) {
    try {
      const place = { host: onionAddress, port: 80 };
      return await connectThroughSocks({ ...socks, isolation: onionAddress }, place, { timeoutMs: 10_000 });
    } catch (error) {
      if (tries === 60) throw error;
      await systemClock().sleep(250);
    }
  }
}

async function ask(socket: Socket): Promise<string> {
  const answer = once(socket, 'data');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [bytes] = (await answer) as [Buffer];
  return bytes.toString('latin1').split('\r\n')[0] ?? '';
}

let count = 0;

async function needKeys(name: string): Promise<void> {
  await tunnels.updateTunnel({ params: { name }, body: { clientAuth: true } });
}

async function stop(name: string): Promise<void> {
  await tunnels.updateTunnel({ params: { name }, body: { desired: 'stopped' } });
}

async function takeDown(name: string): Promise<void> {
  await tunnels.deleteTunnel({ params: { name } });
}

test('a change that shuts nobody out leaves visitors where they are', async () => {
  await using socket = await visit('stays');
  expect(await ask(socket)).toBe('HTTP/1.1 200 OK');
  await tunnels.refreshTunnel({ params: { name: 'stays' } });
  await published('stays');
  expect(await ask(socket)).toBe('HTTP/1.1 200 OK');
});

test.each([
  ['the tunnel begins to need keys', needKeys],
  ['the tunnel is stopped', stop],
  ['the tunnel is taken down', takeDown],
])('%s: whoever is in is put out', async (_name, change) => {
  count += 1;
  const name = `leaves-${count}`;
  const arrived = once(target, 'connection');
  await using socket = await visit(name);
  expect(await ask(socket)).toBe('HTTP/1.1 200 OK');
  const [connection] = (await arrived) as [Socket];
  // At the target: the visitor's own tor may learn of it later.
  const closed = once(connection, 'close');
  await change(name);
  await closed;
});
