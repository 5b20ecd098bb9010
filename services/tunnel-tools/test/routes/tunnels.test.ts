import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NewTunnelBody, TunnelView } from '@lucid/common/apis/tunnels-schemas';
import { TestClock } from '@lucid/common/runtime/clock';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogBuffer, type LogBuffer } from '../../../../test/support/log-buffer.ts';
import { TorControl } from '../../src/clients/tor-control/tor-control.ts';
import { createClientKey } from '../../src/domain/client-key.ts';
import { createOnionKey, encodeKeyFiles } from '../../src/domain/onion-key.ts';
import { TestTools, until } from '../support/test-tools.ts';
import { TestTor } from '../support/tor.ts';

let tor: TestTor;
let tools: TestTools;
let clock: TestClock;
let log: LogBuffer;
let client: Awaited<ReturnType<TestTools['client']>>;
/** Another who looks into the same tor. */
let look: TorControl;

beforeAll(async () => {
  tor = await TestTor.start();
});
afterAll(async () => {
  await tor?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  clock = new TestClock(Date.now());
  log = createLogBuffer();
  // Real time for what happens by itself, a clock that is moved by hand for what ends.
  const own = { now: () => clock.now(), behindMs: () => 0, sleep: realSleep };
  tools = await TestTools.start({ controlPath: tor.controlPath, clock: own, logger: log.logger });
  client = await tools.client();
  look = new TorControl({ path: tor.controlPath, timeoutMs: 5000, clock: own });
  look.start();
  await until(() => (look.isConnected ? true : undefined));
});
afterEach(async () => {
  // First the service, which would bring them back.
  await tools[Symbol.asyncDispose]();
  for (const onion of await look.listOnions()) await look.deleteOnion(onion);
  await look[Symbol.asyncDispose]();
});

async function realSleep(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal ? { signal } : {});
}

const open: NewTunnelBody = { name: 'docs', ports: [{ target: 'openapi-gateway' }] };
const closed: NewTunnelBody = { name: 'home', ports: [{ target: 'gateway' }], clientAuth: true };
const params = { name: 'docs' };

async function create(body: NewTunnelBody): Promise<TunnelView> {
  const tunnel = await client.createTunnel({ body });
  await present(tunnel.onionAddress);
  return tunnel;
}

/** Resolves once tor has exactly these. */
async function present(...addresses: readonly string[]): Promise<void> {
  await until(async () => {
    const found = await look.listOnions();
    return JSON.stringify(found.toSorted()) === JSON.stringify(addresses.toSorted()) ? true : undefined;
  });
}

async function settled(name: string, state: TunnelView['state']): Promise<TunnelView> {
  return await until(async () => {
    const tunnel = await client.getTunnel({ params: { name } });
    return tunnel.state === state ? tunnel : undefined;
  });
}

async function events(): Promise<string[]> {
  const { items } = await client.listTunnelEvents({ query: { limit: 200 } });
  return items.map(({ kind }) => kind).toReversed();
}

const refusal = (code: string) => expect.objectContaining({ code });

/** What tor was told in all, by the service's own count. */
async function steps(): Promise<Record<string, number>> {
  const text = (await tools.app.inject('/metrics')).body;
  const found = text.matchAll(/^tunnel_tools_reconcile_steps_total\{action="(\w+)",.*\} (\d+)$/gm);
  return Object.fromEntries([...found].map(([, action, count]) => [action, Number(count)]));
}

describe('a tunnel', () => {
  test('is declared, on the network, changed, stopped, started and taken down', async () => {
    const tunnel = await create(open);
    expect(tunnel).toMatchObject({
      version: 1,
      desired: 'published',
      ports: [{ virtualPort: 80, target: 'openapi-gateway' }],
      clientAuth: false,
      powDefense: true,
      maxStreams: 256,
      expiresAt: null,
    });
    expect(await settled('docs', 'publishing')).toMatchObject({ onionAddress: tunnel.onionAddress });
    const ports = [{ virtualPort: 8080, target: 'gateway' }, { target: 'openapi-gateway' }];
    const changed = await client.updateTunnel({ params, body: { ports, powDefense: false } });
    expect(changed).toMatchObject({ version: 2, onionAddress: tunnel.onionAddress, powDefense: false });
    await until(async () => ((await steps())['replace'] === 1 ? true : undefined));
    await client.updateTunnel({ params, body: { desired: 'stopped' } });
    await present();
    expect((await settled('docs', 'absent')).services[0]?.reason?.code).toBe('TUNNEL_STOPPED');
    await client.updateTunnel({ params, body: { desired: 'published' } });
    await present(tunnel.onionAddress);
    await client.deleteTunnel({ params });
    await present();
    await expect(client.getTunnel({ params })).rejects.toThrow(refusal('TUNNEL_NOT_FOUND'));
    expect(await events()).toEqual([
      'tor.connected',
      'tunnel.created',
      'tunnel.changed',
      'tunnel.changed',
      'tunnel.withdrawn',
      'tunnel.changed',
      'tunnel.deleted',
    ]);
  });

  test('is not declared twice, nor with a key or a port in use', async () => {
    const { onionAddress } = await create(open);
    await expect(client.createTunnel({ body: open })).rejects.toThrow(refusal('TUNNEL_NAME_TAKEN'));
    const { secretKey } = await client.exportTunnelKey({ params, body: { confirm: 'docs' } });
    await expect(client.createTunnel({ body: { ...open, name: 'other', secretKey } })).rejects.toThrow(
      refusal('TUNNEL_KEY_TAKEN'),
    );
    const twice = [{ target: 'gateway' }, { target: 'gateway' }];
    await expect(client.createTunnel({ body: { name: 'x', ports: twice } })).rejects.toThrow(
      refusal('TUNNEL_PORT_REPEATED'),
    );
    await present(onionAddress);
  });

  test.each(['redis', 'mongo:27017', 'vm', '127.0.0.1:9051', 'unix:/run/tor/control', 'api'])(
    'never leads to %s',
    async (target) => {
      await expect(client.createTunnel({ body: { name: 'x', ports: [{ target }] } })).rejects.toThrow(
        refusal('TUNNEL_TARGET_REFUSED'),
      );
      await create(open);
      await expect(client.updateTunnel({ params, body: { ports: [{ target }] } })).rejects.toThrow(
        refusal('TUNNEL_TARGET_REFUSED'),
      );
    },
  );

  test('is changed only from the version that was read', async () => {
    await create(open);
    await client.updateTunnel({ params, body: { maxStreams: 8 }, headers: { 'if-match': '"1"' } });
    const late = { params, headers: { 'if-match': '"1"' } };
    await expect(client.updateTunnel({ ...late, body: { maxStreams: 9 } })).rejects.toThrow(
      refusal('TUNNEL_VERSION_CONFLICT'),
    );
    await expect(client.rotateTunnel({ ...late, body: {} })).rejects.toThrow(refusal('TUNNEL_VERSION_CONFLICT'));
    await expect(client.deleteTunnel(late)).rejects.toThrow(refusal('TUNNEL_VERSION_CONFLICT'));
    expect(await client.getTunnel({ params })).toMatchObject({ version: 2, maxStreams: 8 });
  });

  test('is declared once by one key, however often it is asked for', async () => {
    const key = { idempotencyKey: 'once' };
    const asked = await Promise.allSettled(
      Array.from({ length: 5 }, async () => await client.createTunnel({ body: open }, key)),
    );
    const made = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value.onionAddress] : []));
    expect(new Set(made).size).toBe(1);
    expect((await client.createTunnel({ body: open }, key)).onionAddress).toBe(made[0]);
    await expect(client.createTunnel({ body: closed }, key)).rejects.toThrow(refusal('IDEMPOTENCY_KEY_REUSED'));
    const moved = await client.rotateTunnel({ params, body: {} }, { idempotencyKey: 'move' });
    const again = await client.rotateTunnel({ params, body: {} }, { idempotencyKey: 'move' });
    expect(again.onionAddress).toBe(moved.onionAddress);
  });

  test('ends by itself, and comes back only when it is said until when', async () => {
    const { onionAddress } = await create({ ...open, ttlSec: 60 });
    clock.advance(59_000);
    await present(onionAddress);
    clock.advance(1000);
    await present();
    expect(await client.getTunnel({ params })).toMatchObject({ desired: 'stopped', state: 'absent' });
    await expect(client.updateTunnel({ params, body: { desired: 'published' } })).rejects.toThrow(
      refusal('REQUEST_INVALID'),
    );
    await expect(client.refreshTunnel({ params })).rejects.toThrow(refusal('TUNNEL_STOPPED'));
    await expect(client.verifyTunnel({ params })).rejects.toThrow(refusal('TUNNEL_STOPPED'));
    await client.updateTunnel({ params, body: { desired: 'published', ttlSec: null } });
    await present(onionAddress);
    expect(await events()).toContain('tunnel.expired');
  });

  test('there are so many and no more; they are listed page by page', async () => {
    for (let index = 0; index < 32; index += 1) {
      await client.createTunnel({ body: { ...open, name: `t${String(index).padStart(2, '0')}` } });
    }
    await expect(client.createTunnel({ body: open })).rejects.toThrow(refusal('TUNNEL_LIMIT_REACHED'));
    const first = await client.listTunnels({ query: { limit: 20 } });
    const second = await client.listTunnels({ query: { limit: 20, cursor: first.next ?? '' } });
    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(
      Array.from({ length: 32 }, (_, index) => `t${String(index).padStart(2, '0')}`),
    );
    expect(second.next).toBeUndefined();
  });

  test('its address is a QR code', async () => {
    await create(open);
    const answer = await client.getTunnelQr({ params });
    expect(answer.headers.get('content-type')).toContain('image/svg+xml');
    expect(await answer.text()).toMatch(/^<svg [^]*<\/svg>\s*$/);
  });

  test('that is taken down while it is visited leaves nothing to its namesake', async () => {
    await create(open);
    const visit = client.verifyTunnel({ params });
    const refused = expect(visit).rejects.toThrow(refusal('TUNNEL_NOT_FOUND'));
    // The visit has begun when a second one is refused.
    await until(async () => {
      const second = await client.verifyTunnel({ params }).catch((error: { code?: string }) => error);
      return 'code' in second && second.code === 'TUNNEL_PROBE_RUNNING' ? true : undefined;
    });
    await client.deleteTunnel({ params });
    await client.createTunnel({ body: open });
    await refused;
    expect(await client.listProbes({ params })).toEqual({ items: [] });
  });

  test('a visit that cannot be made says at which step and why, and three make it degraded', async () => {
    await create(open);
    for (let round = 1; round <= 3; round += 1) {
      const probe = await client.verifyTunnel({ params });
      expect(probe).toMatchObject({ probeId: round, ok: false, trigger: 'request' });
      expect(probe.steps.at(-1)?.reason).toBeTypeOf('string');
    }
    const [service] = (await settled('docs', 'degraded')).services;
    expect(service).toMatchObject({ reason: { code: expect.any(String) }, lastProbe: { ok: false } });
    const { items, next } = await client.listProbes({ params, query: { limit: 2 } });
    expect(items.map(({ probeId }) => probeId)).toEqual([3, 2]);
    const rest = await client.listProbes({ params, query: { limit: 2, cursor: next ?? '' } });
    expect(rest.items.map(({ probeId }) => probeId)).toEqual([1]);
    expect(await events()).toContain('tunnel.degraded');
  });
});

describe('rotation', () => {
  test('both addresses for the grace time, then the new one alone', async () => {
    const before = await create(open);
    const rotated = await client.rotateTunnel({ params, body: { graceSec: 100 } });
    expect(rotated.onionAddress).not.toBe(before.onionAddress);
    expect(rotated.services).toMatchObject([
      { onionAddress: rotated.onionAddress, role: 'current' },
      { onionAddress: before.onionAddress, role: 'retiring', successor: rotated.onionAddress },
    ]);
    await present(before.onionAddress, rotated.onionAddress);
    expect((await client.getTunnel({ params })).services[1]?.state).toBe('retiring');
    await expect(client.rotateTunnel({ params, body: {} })).rejects.toThrow(refusal('TUNNEL_ROTATION_RUNNING'));
    clock.advance(100_000);
    await present(rotated.onionAddress);
    expect((await client.getTunnel({ params })).services).toHaveLength(1);
    expect(await events()).toContain('tunnel.retired');
  });

  test('without grace time the old address goes at once', async () => {
    await create(open);
    const rotated = await client.rotateTunnel({ params, body: { graceSec: 0 } });
    await present(rotated.onionAddress);
  });

  test('a refresh keeps the address and tells tor again', async () => {
    const { onionAddress } = await create(open);
    await client.refreshTunnel({ params });
    await until(async () => ((await steps())['replace'] === 1 ? true : undefined));
    await present(onionAddress);
  });
});

describe('clients', () => {
  const home = { name: 'home' };

  test('get a key once, are listed, revoked and end by themselves', async () => {
    const { onionAddress, powDefense } = await create(closed);
    expect(powDefense).toBe(false);
    const created = await client.createTunnelClient({ params: home, body: { name: 'laptop' } });
    expect(created.authPrivate).toMatch(new RegExp(`^${onionAddress.slice(0, 56)}:descriptor:x25519:[A-Z2-7]{52}$`));
    const own = createClientKey();
    const brought = await client.createTunnelClient({
      params: home,
      body: { name: 'phone', publicKey: own.publicKey, ttlSec: 60 },
    });
    expect(brought).not.toHaveProperty('authPrivate');
    const { items } = await client.listTunnelClients({ params: home });
    expect(items.map(({ name }) => name).toSorted()).toEqual(['laptop', 'phone']);
    expect(JSON.stringify(items)).not.toContain('authPrivate');
    await client.revokeTunnelClient({ params: { ...home, clientId: created.clientId } });
    clock.advance(60_000);
    await until(async () => ((await client.listTunnelClients({ params: home })).items.length === 0 ? true : undefined));
    await present(onionAddress);
    expect(await events()).toEqual(expect.arrayContaining(['client.created', 'client.revoked', 'client.expired']));
  });

  test('are refused where all are let in, twice by a name or a key, and with a key everybody has', async () => {
    await create(open);
    await expect(client.createTunnelClient({ params, body: { name: 'a' } })).rejects.toThrow(
      refusal('TUNNEL_CLIENT_AUTH_OFF'),
    );
    await client.createTunnel({ body: closed });
    const { publicKey } = await client.createTunnelClient({ params: home, body: { name: 'a' } });
    const again = async (body: { name: string; publicKey?: string }) =>
      await client.createTunnelClient({ params: home, body });
    await expect(again({ name: 'a' })).rejects.toThrow(refusal('TUNNEL_CLIENT_NAME_TAKEN'));
    await expect(again({ name: 'b', publicKey })).rejects.toThrow(refusal('TUNNEL_CLIENT_KEY_INVALID'));
    await expect(again({ name: 'b', publicKey: 'A'.repeat(52) })).rejects.toThrow(refusal('TUNNEL_CLIENT_KEY_INVALID'));
    const unknown = { ...home, clientId: '0'.repeat(16) };
    await expect(client.revokeTunnelClient({ params: unknown })).rejects.toThrow(refusal('TUNNEL_CLIENT_NOT_FOUND'));
  });
});

describe('keys', () => {
  test('an address is taken along by its exported key', async () => {
    const { onionAddress } = await create(open);
    await expect(client.exportTunnelKey({ params, body: { confirm: 'yes' } })).rejects.toThrow(
      refusal('TUNNEL_CONFIRMATION_WRONG'),
    );
    const exported = await client.exportTunnelKey({ params, body: { confirm: 'docs' } });
    expect(exported.onionAddress).toBe(onionAddress);
    await client.deleteTunnel({ params });
    const again = await client.createTunnel({ body: { ...open, name: 'again', secretKey: exported.secretKey } });
    expect(again.onionAddress).toBe(onionAddress);
    await present(onionAddress);
    expect(await events()).toContain('key.exported');
    const wrong = Buffer.alloc(96).toString('base64');
    await expect(client.createTunnel({ body: { ...open, secretKey: wrong } })).rejects.toThrow(
      refusal('TUNNEL_KEY_INVALID'),
    );
  });

  test('no key is on the disk or in the log, and no address is in the log at level info', async () => {
    const key = createOnionKey();
    const { secretKey } = encodeKeyFiles(key);
    await create({ ...closed, secretKey: secretKey.toString('base64') });
    const { authPrivate = '' } = await client.createTunnelClient({
      params: { name: 'home' },
      body: { name: 'laptop' },
    });
    await client.exportTunnelKey({ params: { name: 'home' }, body: { confirm: 'home' } });
    await tools.close();
    const folder = join(tools.folder, 'data', 'tunnels');
    const files = await Promise.all((await readdir(folder)).map(async (name) => await readFile(join(folder, name))));
    const stored = Buffer.concat(files);
    const expanded = Buffer.from(key.expandedKey);
    const secrets = [
      expanded,
      expanded.subarray(0, 32),
      expanded.subarray(32),
      secretKey.toString('base64'),
      expanded.toString('base64').slice(0, 40),
      expanded.toString('hex'),
      authPrivate.slice(-52),
    ];
    expect(stored.includes('home')).toBe(true);
    for (const secret of secrets) {
      expect(stored.includes(secret)).toBe(false);
      expect(log.text().includes(Buffer.from(secret).toString('latin1'))).toBe(false);
    }
    const lines = log.text().split('\n').filter(Boolean);
    const visible = lines.filter((line) => !['debug', 'trace'].includes((JSON.parse(line) as { level: string }).level));
    expect(visible.filter((line) => /[a-z2-7]{56}/.test(line))).toEqual([]);
    await tools.open();
  });

  test('with another sealing key it does not start, and says what to do', async () => {
    await create(open);
    await tools.close();
    const other = join(tools.folder, 'other');
    await writeFile(other, 'another secret of a test, long enough to be one');
    await expect(tools.open({ TUNNELS_KEY_FILE: other })).rejects.toThrow(refusal('TUNNELS_KEY_WRONG'));
    await tools.open();
  });
});

describe('over restarts', () => {
  test('tor dies and comes back: every address is there again', async () => {
    const one = await create(open);
    const two = await client.createTunnel({ body: closed });
    const rotated = await client.rotateTunnel({ params, body: {} });
    const all = [one.onionAddress, two.onionAddress, rotated.onionAddress];
    await present(...all);
    await tor.kill();
    expect((await settled('docs', 'absent')).services[0]?.reason?.code).toBe('TOR_UNAVAILABLE');
    expect((await tools.app.inject('/readyz')).statusCode).toBe(503);
    await expect(client.verifyTunnel({ params })).rejects.toThrow(refusal('TOR_UNAVAILABLE'));
    await expect(client.getTunnelPlan({})).rejects.toThrow(refusal('TOR_UNAVAILABLE'));
    const meanwhile = await client.createTunnel({ body: { ...open, name: 'meanwhile' } });
    await client.deleteTunnel({ params: { name: 'home' } });
    await tor.restart();
    await until(() => (look.isConnected ? true : undefined));
    await present(one.onionAddress, rotated.onionAddress, meanwhile.onionAddress);
  });

  test('the service restarts: what is missing is added, what nobody saw published is added anew', async () => {
    const one = await create(open);
    const two = await client.createTunnel({ body: { ...open, name: 'two' } });
    await present(one.onionAddress, two.onionAddress);
    await tools.close();
    await look.deleteOnion(two.onionAddress);
    await tools.open({ TUNNEL_TOOLS_OPENAPI_GATEWAY_URL: 'http://127.0.0.1:8080' });
    client = await tools.client();
    await present(one.onionAddress, two.onionAddress);
    // This tor's network is off, so nothing was published; test/integration has the one that was, and is not touched.
    expect(await steps()).toEqual({ add: 1, replace: 1 });
    expect(await client.getTunnel({ params })).toMatchObject({ onionAddress: one.onionAddress });
  });

  test('a target that moved: the same address, told to tor again', async () => {
    const { onionAddress } = await create(open);
    await tools.close();
    await tools.open({ TUNNEL_TOOLS_OPENAPI_GATEWAY_URL: 'http://localhost:18080' });
    client = await tools.client();
    await until(async () => ((await steps())['replace'] === 1 ? true : undefined));
    await present(onionAddress);
  });

  test('a target that cannot be found: said, and made good later', async () => {
    await tools.close();
    await tools.open({ TUNNEL_TOOLS_OPENAPI_GATEWAY_URL: 'http://nowhere.invalid:8080' });
    client = await tools.client();
    const { onionAddress } = await client.createTunnel({ body: open });
    const { held } = await until(async () => {
      const plan = await client.getTunnelPlan({});
      return plan.held.length > 0 ? plan : undefined;
    });
    expect(held).toMatchObject([{ tunnel: 'docs', onionAddress, reason: { code: 'TARGET_UNRESOLVED' } }]);
    const { targets } = await client.getTunnelStatus({});
    expect(targets).toContainEqual({ target: 'openapi-gateway', reason: expect.stringContaining('nowhere.invalid') });
    expect(await look.listOnions()).toEqual([]);
  });

  test('onion services of somebody else are told of, and left alone', async () => {
    const foreign = createOnionKey();
    const spec = { clientKeys: undefined, powDefense: false, maxStreams: 0, epoch: 0 };
    const ports = [{ virtualPort: 80, target: 'gateway', address: '127.0.0.1:9' }] as const;
    await look.addOnion({ ...spec, ports, onionAddress: foreign.onionAddress }, foreign.expandedKey);
    const { onionAddress } = await client.createTunnel({ body: open });
    await present(onionAddress, foreign.onionAddress);
    expect(await client.getTunnelPlan({})).toEqual({ steps: [], held: [], foreign: [foreign.onionAddress] });
    await client.deleteTunnel({ params });
    await present(foreign.onionAddress);
  });

  test('an address somebody else gave to tor is not fought over', async () => {
    const key = createOnionKey();
    // Not detached: it is the other connection's, and not in the list of those that outlive theirs.
    await look.send(
      `ADD_ONION ED25519-V3:${Buffer.from(key.expandedKey).toString('base64')} Flags=DiscardPK Port=80,127.0.0.1:9`,
    );
    const secretKey = encodeKeyFiles(key).secretKey.toString('base64');
    await client.createTunnel({ body: { ...open, secretKey } });
    const reason = await until(async () => {
      const [service] = (await client.getTunnel({ params })).services;
      return service?.reason?.code === 'TOR_REFUSED' ? service.reason : undefined;
    });
    expect(reason.detail).toContain('550 Onion address collision');
    await look.deleteOnion(key.onionAddress);
    await present(key.onionAddress);
    expect((await events()).filter((kind) => kind === 'tunnel.refused')).toEqual(['tunnel.refused']);
  });
});

describe('state', () => {
  test('tor, the targets, the tunnels', async () => {
    await create(open);
    await settled('docs', 'publishing');
    expect(await client.getTunnelStatus({})).toMatchObject({
      service: 'tunnel-tools',
      tor: { isConnected: true, isVersionSafe: true, bootstrap: { progress: 0 }, circuitCount: 0 },
      tunnels: { declared: 1, onNetwork: 0, degraded: 0 },
      targets: [{ target: 'gateway', address: '127.0.0.1:8082' }, { target: 'openapi-gateway' }],
    });
    const ready = await tools.app.inject('/readyz');
    expect(ready.json()).toMatchObject({
      checks: { store: { ok: true }, tor: { ok: false }, tunnels: { ok: false, detail: 'not on the network: docs' } },
    });
    const metrics = (await tools.app.inject('/metrics')).body;
    expect(metrics).toMatch(/^tunnel_tools_tunnels\{state="publishing",.*\} 1$/m);
    expect(metrics).toMatch(/^tunnel_tools_control_connected\{.*\} 1$/m);
    expect(metrics).not.toMatch(/[a-z2-7]{56}/);
  });

  test('events, the latest first, page by page, of one tunnel', async () => {
    await create(open);
    await client.createTunnel({ body: closed });
    await client.updateTunnel({ params, body: { maxStreams: 1 } });
    const { items } = await client.listTunnelEvents({ query: { tunnel: 'docs' } });
    expect(items.map(({ kind }) => kind)).toEqual(['tunnel.changed', 'tunnel.created']);
    expect(items[0]).toMatchObject({ by: 'user-1', detail: 'maxStreams', requestId: expect.any(String) });
    const first = await client.listTunnelEvents({ query: { tunnel: 'docs', limit: 1 } });
    const second = await client.listTunnelEvents({ query: { tunnel: 'docs', limit: 1, cursor: first.next ?? '' } });
    expect([...first.items, ...second.items]).toEqual(items);
    expect(second.next).toBeUndefined();
  });
});
