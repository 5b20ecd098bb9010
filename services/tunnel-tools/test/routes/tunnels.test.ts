import { describe, expect, test } from 'vitest';
import { until } from '../support/test-tools.ts';
import { closed, installTestTunnels, open, refusal } from '../support/test-tunnels.ts';

const tunnels = installTestTunnels();
const params = { name: 'docs' };

describe('a tunnel', () => {
  test('is declared, on the network, changed, stopped, started and taken down', async () => {
    const tunnel = await tunnels.create(open);
    expect(tunnel).toMatchObject({
      version: 1,
      desired: 'published',
      ports: [{ virtualPort: 80, target: 'openapi-gateway' }],
      clientAuth: false,
      powDefense: true,
      maxStreams: 256,
      expiresAt: null,
    });
    expect(await tunnels.settled('docs', 'publishing')).toMatchObject({ onionAddress: tunnel.onionAddress });
    const ports = [{ virtualPort: 8080, target: 'gateway' }, { target: 'openapi-gateway' }];
    const changed = await tunnels.client.updateTunnel({ params, body: { ports, powDefense: false } });
    expect(changed).toMatchObject({ version: 2, onionAddress: tunnel.onionAddress, powDefense: false });
    await until(async () => ((await tunnels.steps())['replace'] === 1 ? true : undefined));
    await tunnels.client.updateTunnel({ params, body: { desired: 'stopped' } });
    await tunnels.present();
    expect((await tunnels.settled('docs', 'absent')).services[0]?.reason?.code).toBe('TUNNEL_STOPPED');
    await tunnels.client.updateTunnel({ params, body: { desired: 'published' } });
    await tunnels.present(tunnel.onionAddress);
    await tunnels.client.deleteTunnel({ params });
    await tunnels.present();
    await expect(tunnels.client.getTunnel({ params })).rejects.toThrow(refusal('TUNNEL_NOT_FOUND'));
    expect(await tunnels.events()).toEqual([
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
    const { onionAddress } = await tunnels.create(open);
    await expect(tunnels.client.createTunnel({ body: open })).rejects.toThrow(refusal('TUNNEL_NAME_TAKEN'));
    const { secretKey } = await tunnels.client.exportTunnelKey({ params, body: { confirm: 'docs' } });
    await expect(tunnels.client.createTunnel({ body: { ...open, name: 'other', secretKey } })).rejects.toThrow(
      refusal('TUNNEL_KEY_TAKEN'),
    );
    const twice = [{ target: 'gateway' }, { target: 'gateway' }];
    await expect(tunnels.client.createTunnel({ body: { name: 'x', ports: twice } })).rejects.toThrow(
      refusal('TUNNEL_PORT_REPEATED'),
    );
    await tunnels.present(onionAddress);
  });

  test.each(['redis', 'mongo:27017', 'vm', '127.0.0.1:9051', 'unix:/run/tor/control', 'api'])(
    'never leads to %s',
    async (target) => {
      await expect(tunnels.client.createTunnel({ body: { name: 'x', ports: [{ target }] } })).rejects.toThrow(
        refusal('TUNNEL_TARGET_REFUSED'),
      );
      await tunnels.create(open);
      await expect(tunnels.client.updateTunnel({ params, body: { ports: [{ target }] } })).rejects.toThrow(
        refusal('TUNNEL_TARGET_REFUSED'),
      );
    },
  );

  test('is changed only from the version that was read', async () => {
    await tunnels.create(open);
    await tunnels.client.updateTunnel({ params, body: { maxStreams: 8 }, headers: { 'if-match': '"1"' } });
    const late = { params, headers: { 'if-match': '"1"' } };
    await expect(tunnels.client.updateTunnel({ ...late, body: { maxStreams: 9 } })).rejects.toThrow(
      refusal('TUNNEL_VERSION_CONFLICT'),
    );
    await expect(tunnels.client.rotateTunnel({ ...late, body: {} })).rejects.toThrow(
      refusal('TUNNEL_VERSION_CONFLICT'),
    );
    await expect(tunnels.client.deleteTunnel(late)).rejects.toThrow(refusal('TUNNEL_VERSION_CONFLICT'));
    expect(await tunnels.client.getTunnel({ params })).toMatchObject({ version: 2, maxStreams: 8 });
  });

  test('is declared once by one key, however often it is asked for', async () => {
    const key = { idempotencyKey: 'once' };
    const asked = await Promise.allSettled(
      Array.from({ length: 5 }, async () => await tunnels.client.createTunnel({ body: open }, key)),
    );
    const made = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value.onionAddress] : []));
    expect(new Set(made).size).toBe(1);
    expect((await tunnels.client.createTunnel({ body: open }, key)).onionAddress).toBe(made[0]);
    await expect(tunnels.client.createTunnel({ body: closed }, key)).rejects.toThrow(refusal('IDEMPOTENCY_KEY_REUSED'));
    const moved = await tunnels.client.rotateTunnel({ params, body: {} }, { idempotencyKey: 'move' });
    const again = await tunnels.client.rotateTunnel({ params, body: {} }, { idempotencyKey: 'move' });
    expect(again.onionAddress).toBe(moved.onionAddress);
  });

  test('ends by itself, and comes back only when it is said until when', async () => {
    const { onionAddress } = await tunnels.create({ ...open, ttlSec: 60 });
    tunnels.clock.advance(59_000);
    await tunnels.present(onionAddress);
    tunnels.clock.advance(1000);
    await tunnels.present();
    expect(await tunnels.client.getTunnel({ params })).toMatchObject({ desired: 'stopped', state: 'absent' });
    await expect(tunnels.client.updateTunnel({ params, body: { desired: 'published' } })).rejects.toThrow(
      refusal('REQUEST_INVALID'),
    );
    await expect(tunnels.client.refreshTunnel({ params })).rejects.toThrow(refusal('TUNNEL_STOPPED'));
    await expect(tunnels.client.verifyTunnel({ params })).rejects.toThrow(refusal('TUNNEL_STOPPED'));
    await tunnels.client.updateTunnel({ params, body: { desired: 'published', ttlSec: null } });
    await tunnels.present(onionAddress);
    expect(await tunnels.events()).toContain('tunnel.expired');
  });

  test('there are so many and no more; they are listed page by page', async () => {
    for (let index = 0; index < 32; index += 1) {
      await tunnels.client.createTunnel({ body: { ...open, name: `t${String(index).padStart(2, '0')}` } });
    }
    await expect(tunnels.client.createTunnel({ body: open })).rejects.toThrow(refusal('TUNNEL_LIMIT_REACHED'));
    const first = await tunnels.client.listTunnels({ query: { limit: 20 } });
    const second = await tunnels.client.listTunnels({ query: { limit: 20, cursor: first.next ?? '' } });
    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(
      Array.from({ length: 32 }, (_, index) => `t${String(index).padStart(2, '0')}`),
    );
    expect(second.next).toBeUndefined();
  });

  test('its address is a QR code', async () => {
    await tunnels.create(open);
    const answer = await tunnels.client.getTunnelQr({ params });
    expect(answer.headers.get('content-type')).toContain('image/svg+xml');
    expect(await answer.text()).toMatch(/^<svg [^]*<\/svg>\s*$/);
  });

  test('that is taken down while it is visited leaves nothing to its namesake', async () => {
    await tunnels.create(open);
    const visit = tunnels.client.verifyTunnel({ params });
    const refused = expect(visit).rejects.toThrow(refusal('TUNNEL_NOT_FOUND'));
    // The visit has begun when a second one is refused.
    await until(async () => {
      const second = await tunnels.client.verifyTunnel({ params }).catch((error: { code?: string }) => error);
      return 'code' in second && second.code === 'TUNNEL_PROBE_RUNNING' ? true : undefined;
    });
    await tunnels.client.deleteTunnel({ params });
    await tunnels.client.createTunnel({ body: open });
    await refused;
    expect(await tunnels.client.listProbes({ params })).toEqual({ items: [] });
  });

  test('a visit that cannot be made says at which step and why, and three make it degraded', async () => {
    await tunnels.create(open);
    for (let round = 1; round <= 3; round += 1) {
      const probe = await tunnels.client.verifyTunnel({ params });
      expect(probe).toMatchObject({ probeId: round, ok: false, trigger: 'request' });
      expect(probe.steps.at(-1)?.reason).toBeTypeOf('string');
    }
    const [service] = (await tunnels.settled('docs', 'degraded')).services;
    expect(service).toMatchObject({ reason: { code: expect.any(String) }, lastProbe: { ok: false } });
    const { items, next } = await tunnels.client.listProbes({ params, query: { limit: 2 } });
    expect(items.map(({ probeId }) => probeId)).toEqual([3, 2]);
    const rest = await tunnels.client.listProbes({ params, query: { limit: 2, cursor: next ?? '' } });
    expect(rest.items.map(({ probeId }) => probeId)).toEqual([1]);
    expect(await tunnels.events()).toContain('tunnel.degraded');
  });
});
