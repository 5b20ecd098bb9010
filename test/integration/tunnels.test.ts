import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createSocksFetch } from '@lucid/client/socks-fetch';
import { createTunnelsClient, type TunnelsClient } from '@lucid/client/tunnels-client';
import { waitForTunnel } from '@lucid/client/wait-for-tunnel';
import { tunnelErrors } from '@lucid/common/apis/tunnels';
import type { TunnelView } from '@lucid/common/apis/tunnels-schemas';
import { isAppError } from '@lucid/common/errors';
import { parseBase32 } from '@lucid/tunnel-tools/domain/base32';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Forwarder, startForwarder } from '../support/forwarder.ts';
import { injections, refusedTargets } from '../support/hostile-tunnels.ts';
import { LucidCommand } from '../support/lucid-command.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';
import { Visits } from '../support/tor/visits.ts';
import { startTorNetwork, type TorNetwork } from '../support/tor-network.ts';
import { TunnelToolsProcess } from '../support/tunnel-tools-process.ts';

// The platform as onion services of a private Tor network: one tor publishes them, another one visits.

const gatewayHost = 'gateway.test';

// A Tor network keeps its own time: it votes every twenty seconds, and a busy machine misses a vote.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const stack = new AsyncDisposableStack();
let folder: string;
let network: TorNetwork;
let platform: TestPlatform;
let tools: TunnelToolsProcess;
/** Where the gateway is for tunnel-tools: an address that can be left for another one. */
let door: Forwarder;
/** The operator, on the platform's machine. */
let operator: LucidCommand;
let tunnels: TunnelsClient;
let visits: Visits;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-tunnels-'));
  stack.defer(async () => await rm(folder, { recursive: true, force: true }));
  [network, platform] = await Promise.all([startTorNetwork(), startTestPlatform()]);
  stack.use(network);
  stack.use(platform);
  door = await startForwarder('127.0.0.2', 0, new URL(platform.urls.gateway));
  stack.defer(async () => await door[Symbol.asyncDispose]());
  tools = stack.use(
    await TunnelToolsProcess.create({
      folder,
      env: {
        TOR_CONTROL_PATH: network.onion.controlSocket,
        TOR_SOCKS_PATH: network.onion.socksSocket,
        TOKEN_ISSUER: platform.urls.api,
        API_JWKS_URL: `${platform.urls.gateway}/api/v1/identity/.well-known/jwks.json`,
        TUNNEL_TOOLS_GATEWAY_URL: `http://${gatewayHost}:${door.port}`,
        TUNNEL_TOOLS_OPENAPI_GATEWAY_URL: platform.urls['openapi-gateway'],
      },
    }),
  );
  await tools.resolveTo(gatewayHost, '127.0.0.2');
  await tools.start();
  operator = await LucidCommand.create(join(folder, 'operator'), {
    LUCID_GATEWAY_URL: platform.urls.gateway,
    TUNNEL_TOOLS_URL: tools.url,
  });
  const password = await operator.file('password', randomBytes(12).toString('hex'));
  const setupCode = (await platform.setupCode()) ?? '';
  const login = await operator.run(
    'login',
    '--setup-code',
    setupCode,
    '--username',
    'operator',
    '--password-file',
    password,
  );
  expect(login).toMatchObject({ exitCode: 0 });
  const credentials = JSON.parse(
    await readFile(join(operator.home, 'config', 'lucid', 'credentials.json'), 'utf8'),
  ) as {
    readonly tokens: { readonly accessToken: string };
  };
  visits = new Visits(network.visitor, '/livez');
  tunnels = createTunnelsClient({ url: tools.url, token: () => credentials.tokens.accessToken });
});
afterAll(async () => {
  await stack.disposeAsync();
});

/** Visits as a stranger with a tor of their own, until it ends so. */
async function visitUntil(onionAddress: string, end: string, clientKey?: Uint8Array): Promise<void> {
  await visits.until(end, { onionAddress, ...(clientKey === undefined ? {} : { clientKey }) });
}

/** A call by what the visitor's tor knows, on circuits of its own: the status, or tor's reply, or why there is none. */
async function call(onionAddress: string, timeoutMs = 10_000): Promise<number | string> {
  const { host, port } = network.visitor.socks;
  const fetch = createSocksFetch({ host, port, isolation: randomBytes(8).toString('hex') });
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    return (await fetch(`http://${onionAddress}/livez`, { signal })).status;
  } catch (error) {
    if (isAppError(error)) return String(error.data['reply'] ?? error.code);
    return error instanceof Error ? error.name : '';
  }
}

/** Calls until it ends so: on a busy machine circuits fail. */
async function callUntil(onionAddress: string, end: number | string): Promise<void> {
  const until = performance.now() + 60_000;
  for (;;) {
    const ended = await call(onionAddress);
    if (ended === end) return;
    if (performance.now() > until) throw new Error(`the call ends with ${ended}, not ${end}`);
  }
}

async function callUntilAnswered(onionAddress: string): Promise<void> {
  await callUntil(onionAddress, 200);
}

/** What tor has, of ours and of others. */
async function onionsOfTor(): Promise<string[]> {
  const { foreign } = await tunnels.getTunnelPlan();
  expect(foreign).toEqual([]);
  const { items } = await tunnels.listTunnels();
  return items.flatMap(({ services }) =>
    services.filter(({ state }) => state !== 'absent').map(({ onionAddress }) => onionAddress),
  );
}

async function getTunnel(name: string): Promise<TunnelView> {
  return await tunnels.getTunnel({ params: { name } });
}

/** The private key of an `.auth_private` line, as a person's tor reads it. */
function parseAuthPrivate(line: string): Uint8Array {
  const key = parseBase32(line.trim().split(':')[3] ?? '');
  if (key === undefined) throw new Error('the line has no key');
  return key;
}

test('published, verified from outside, and fetched through SOCKS', async () => {
  const created = await operator.run('tunnel', 'create', 'office', '--wait');
  expect(created).toMatchObject({ exitCode: 0, result: { name: 'office', desired: 'published' } });
  const { onionAddress } = created.result as { onionAddress: string };
  expect(onionAddress).toMatch(/^[a-z2-7]{56}\.onion$/);
  expect(await operator.run('tunnel', 'verify', 'office')).toMatchObject({
    exitCode: 0,
    result: {
      ok: true,
      onionAddress,
      steps: [{ name: 'descriptor' }, { name: 'connect' }, { name: 'http', ok: true }],
    },
  });
  expect(await operator.run('tunnel', 'status')).toMatchObject({ exitCode: 0, result: { tunnels: { onNetwork: 1 } } });
  expect(await operator.run('tunnel', 'list')).toMatchObject({ result: { items: [{ state: 'reachable' }] } });
  expect(await operator.run('tunnel', 'events', 'office')).toMatchObject({ exitCode: 0 });
  await callUntilAnswered(onionAddress);
});

// The next three wait for different things, each with a tunnel of its own.

test.concurrent('a session is recorded, sealed and proved by somebody who has the onion address alone', async () => {
  const { onionAddress } = await getTunnel('office');
  const { host, port } = network.visitor.socks;
  const person = await LucidCommand.create(join(folder, 'person'), { LUCID_SOCKS: `${host}:${port}` });
  const password = await person.file('password', await readFile(join(operator.home, 'password')));
  const gateway = ['--gateway', `http://${onionAddress}`];
  const login = ['login', ...gateway, '--username', 'operator', '--password-file', password];
  expect(await person.run(...login)).toMatchObject({ exitCode: 0 });
  // Chunks of the usual size, streamed: 8 MiB and a rest.
  const content = randomBytes(9 * 1024 * 1024);
  const file = await person.file('content', content);
  expect(await person.run('session', 'record', file, '--seal')).toMatchObject({ exitCode: 0 });
  const [bundle, plain] = [join(person.home, 'proof.json'), join(person.home, 'plain')];
  const exported = await person.run('session', 'export', 'latest', '--output', bundle, '--plain', plain);
  expect(exported).toMatchObject({ exitCode: 0 });
  expect((await readFile(plain)).equals(content)).toBe(true);
  expect(await person.run('verify', bundle, '--require-anchor')).toMatchObject({ exitCode: 0, result: { ok: true } });
  const stranger = await LucidCommand.create(join(folder, 'stranger'), {});
  expect(await stranger.run('chain', 'status', ...gateway)).toMatchObject({
    exitCode: 2,
    result: { error: { code: 'ONION_NEEDS_SOCKS' } },
  });
});

test.concurrent('for authorized clients: no key, a key, a key that was revoked', async () => {
  const created = await operator.run('tunnel', 'create', 'private', '--client-auth');
  const { onionAddress } = created.result as { onionAddress: string };
  const keyFile = join(operator.home, 'ana.auth_private');
  const added = await operator.run('tunnel', 'clients', 'add', 'private', 'Ana', '--output', keyFile);
  expect(added).toMatchObject({ exitCode: 0, result: { name: 'Ana' } });
  expect(JSON.stringify(added.result)).not.toContain('x25519:');
  const line = await readFile(keyFile, 'utf8');
  expect(line).toMatch(new RegExp(`^${onionAddress.slice(0, 56)}:descriptor:x25519:[A-Z2-7]{52}\n$`));
  const key = parseAuthPrivate(line);
  await waitForTunnel(tunnels, 'private');
  await callUntil(onionAddress, 'F4');
  await visitUntil(onionAddress, 'arrived', key);
  // The service itself is let in by a key of its own, so that it can verify.
  expect(await operator.run('tunnel', 'verify', 'private')).toMatchObject({ exitCode: 0 });

  expect(await operator.run('tunnel', 'clients', 'rm', 'private', 'Ana')).toMatchObject({ exitCode: 0 });
  await waitForTunnel(tunnels, 'private');
  await visitUntil(onionAddress, 'SOCKS_F5', key);
});

test.concurrent('rotated: both addresses answer for the grace time, then the old one is gone', async () => {
  const created = await operator.run('tunnel', 'create', 'moving', '--port', '80=openapi-gateway', '--wait');
  const { onionAddress: before } = created.result as { onionAddress: string };
  const rotated = await operator.run('tunnel', 'rotate', 'moving', '--grace', '10', '--wait');
  const { onionAddress: after } = rotated.result as { onionAddress: string };
  expect(after).not.toBe(before);
  await callUntilAnswered(after);
  await callUntilAnswered(before);
  expect(await operator.run('tunnel', 'rotate', 'moving')).toMatchObject({
    exitCode: 1,
    result: { error: { code: 'TUNNEL_ROTATION_RUNNING' } },
  });
  const until = performance.now() + 60_000;
  while ((await getTunnel('moving')).services.length > 1) {
    if (performance.now() > until) throw new Error('the old address does not retire');
    await delay(100);
  }
  expect(await onionsOfTor()).not.toContain(before);
  expect(await call(before, 3000)).not.toBe(200);
  await callUntilAnswered(after);
});

test('tor is killed and comes back: the same address answers again', async () => {
  const { onionAddress } = await getTunnel('office');
  await network.onion.stop('SIGKILL');
  const until = performance.now() + 60_000;
  while ((await getTunnel('office')).state !== 'absent') {
    if (performance.now() > until) throw new Error('that tor is away goes unnoticed');
    await delay(50);
  }
  expect(await operator.run('tunnel', 'status')).toMatchObject({
    exitCode: 5,
    result: { tor: { isConnected: false } },
  });
  expect(await operator.run('tunnel', 'verify', 'office')).toMatchObject({
    exitCode: 5,
    result: { error: { code: 'TOR_UNAVAILABLE' } },
  });
  await network.onion.restart();
  await waitForTunnel(tunnels, 'office');
  await visitUntil(onionAddress, 'arrived');
  expect((await getTunnel('office')).onionAddress).toBe(onionAddress);
});

test('the target moves: it is found again behind the same address', async () => {
  const { onionAddress } = await getTunnel('office');
  const moved = await startForwarder('127.0.0.3', door.port, new URL(platform.urls.gateway));
  await door[Symbol.asyncDispose]();
  door = moved;
  await callUntil(onionAddress, '01');
  await tools.resolveTo(gatewayHost, '127.0.0.3');
  await visitUntil(onionAddress, 'arrived');
  expect(door.connectionCount).toBeGreaterThan(0);
  expect((await getTunnel('office')).onionAddress).toBe(onionAddress);
  const { items } = await tunnels.listTunnelEvents({ query: { tunnel: 'office' } });
  expect(items.map(({ kind }) => kind)).toContain('tunnel.readdressed');
});

test('stopped, started, changed, published anew: the address stays', async () => {
  const { onionAddress } = await getTunnel('office');
  expect(await operator.run('tunnel', 'stop', 'office')).toMatchObject({ exitCode: 0, result: { desired: 'stopped' } });
  expect(await operator.run('tunnel', 'verify', 'office')).toMatchObject({
    exitCode: 1,
    result: { error: { code: 'TUNNEL_STOPPED' } },
  });
  expect(await operator.run('tunnel', 'start', 'office', '--wait')).toMatchObject({ exitCode: 0 });
  const changed = await operator.run('tunnel', 'set', 'office', '--max-streams', '9', '--no-pow', '--ttl', '3600');
  expect(changed).toMatchObject({ exitCode: 0, result: { maxStreams: 9, powDefense: false, onionAddress } });
  const refreshed = await operator.run('tunnel', 'refresh', 'office', '--wait');
  expect(refreshed).toMatchObject({ exitCode: 0, result: { state: 'published', onionAddress } });
  await visitUntil(onionAddress, 'arrived');
  expect(await operator.run('tunnel', 'probes', 'office')).toMatchObject({
    exitCode: 0,
    result: { items: [{ ok: true }] },
  });
  expect(await operator.run('tunnel', 'clients', 'list', 'office')).toMatchObject({
    exitCode: 0,
    result: { items: [] },
  });
  const shown = await operator.show('tunnel', 'show', 'office', '--qr');
  expect(shown.text).toContain(`address        ${onionAddress}\n`);
  expect(shown.text).toMatch(/(?:[█▀▄ ]{30,}\n){15,}/);
});

test('tunnel-tools is killed: what it published stays, and is taken up again as it is', async () => {
  const { onionAddress } = await waitForTunnel(tunnels, 'office');
  const { items: before } = await tunnels.listTunnelEvents({ query: { tunnel: 'office', limit: 1 } });
  await tools.end('SIGKILL');
  await callUntilAnswered(onionAddress);
  expect(await operator.run('tunnel', 'list')).toMatchObject({
    exitCode: 5,
    result: { error: { code: 'UPSTREAM_UNREACHABLE', detail: expect.stringContaining(tools.url) as string } },
  });
  await tools.start();
  await waitForTunnel(tunnels, 'office');
  expect(await tunnels.getTunnelPlan()).toEqual({ steps: [], held: [], foreign: [] });
  const { items: after } = await tunnels.listTunnelEvents({ query: { tunnel: 'office', limit: 1 } });
  expect(after).toEqual(before);
  await callUntilAnswered(onionAddress);
});

test('an address is exported, taken down, and comes back by its key', async () => {
  const { onionAddress } = await getTunnel('private');
  const key = join(operator.home, 'key');
  expect(await operator.run('tunnel', 'export', 'private', '--output', key)).toMatchObject({ exitCode: 0 });
  expect(await readFile(join(key, 'hostname'), 'utf8')).toBe(`${onionAddress}\n`);
  expect(await operator.run('tunnel', 'export', 'private', '--output', key)).toMatchObject({ exitCode: 3 });
  expect(await operator.run('tunnel', 'remove', 'private', '--yes')).toMatchObject({ exitCode: 0 });
  const imported = await operator.run('tunnel', 'import', 'returned', '--key', key, '--wait');
  expect(imported).toMatchObject({ exitCode: 0, result: { onionAddress } });
  await visitUntil(onionAddress, 'arrived');
  expect(await operator.run('tunnel', 'remove', 'returned', '--yes')).toMatchObject({ exitCode: 0 });
});

test.each(refusedTargets)('no onion service leads to %j', async (target) => {
  const before = await onionsOfTor();
  const body = { name: 'wrong', ports: [{ virtualPort: 80, target }] };
  await expect(tunnels.createTunnel({ body })).rejects.toMatchObject({ code: 'TUNNEL_TARGET_REFUSED', status: 422 });
  await expect(tunnels.updateTunnel({ params: { name: 'office' }, body: { ports: body.ports } })).rejects.toMatchObject(
    { code: 'TUNNEL_TARGET_REFUSED' },
  );
  expect(await onionsOfTor()).toEqual(before);
});

test.each(injections)('no field lets %j through to tor', async (text) => {
  const port = { virtualPort: 80, target: 'gateway' };
  const params = { name: 'office' };
  const attempts: (() => Promise<unknown>)[] = [
    () => tunnels.createTunnel({ body: { name: text, ports: [port] } }),
    () => tunnels.createTunnel({ body: { name: 'wrong', ports: [port], secretKey: text.padEnd(128, 'A') } }),
    () => tunnels.updateTunnel({ params, body: { desired: text as 'stopped' } }),
    () => tunnels.updateTunnel({ params, body: { ports: [{ ...port, virtualPort: text as unknown as number }] } }),
    () => tunnels.updateTunnel({ params, body: { maxStreams: text as unknown as number } }),
    () => tunnels.createTunnelClient({ params, body: { name: 'Eve', publicKey: text } }),
    () => tunnels.rotateTunnel({ params, body: { graceSec: text as unknown as number } }),
    () => tunnels.exportTunnelKey({ params, body: { confirm: text } }),
    () => tunnels.getTunnel({ params: { name: text } }),
    () => tunnels.revokeTunnelClient({ params: { name: 'office', clientId: text } }),
    () => tunnels.listTunnelEvents({ query: { tunnel: text } }),
  ];
  const before = await onionsOfTor();
  for (const attempt of attempts) {
    const error: unknown = await attempt().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!isAppError(error)) throw new Error(`${attempt.toString()} was let through`);
    expect([400, 404, 409, 422]).toContain(error.status);
    expect(Object.keys(tunnelErrors).concat('REQUEST_INVALID', 'NOT_FOUND', 'CURSOR_INVALID')).toContain(error.code);
  }
  expect(await onionsOfTor()).toEqual(before);
  expect(await tunnels.getTunnelStatus()).toMatchObject({ tor: { isConnected: true } });
});
