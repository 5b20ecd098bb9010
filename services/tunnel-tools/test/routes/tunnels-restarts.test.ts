import { describe, expect, test } from 'vitest';
import { createOnionKey, encodeKeyFiles } from '../../src/domain/onion-key.ts';
import { until } from '../support/test-tools.ts';
import { closed, installTestTunnels, open, refusal } from '../support/test-tunnels.ts';

const tunnels = installTestTunnels();
const params = { name: 'docs' };

describe('over restarts', () => {
  test('tor dies and comes back: every address is there again', async () => {
    const one = await tunnels.create(open);
    const two = await tunnels.client.createTunnel({ body: closed });
    const rotated = await tunnels.client.rotateTunnel({ params, body: {} });
    const all = [one.onionAddress, two.onionAddress, rotated.onionAddress];
    await tunnels.present(...all);
    await tunnels.tor.kill();
    expect((await tunnels.settled('docs', 'absent')).services[0]?.reason?.code).toBe('TOR_UNAVAILABLE');
    expect((await tunnels.tools.app.inject('/readyz')).statusCode).toBe(503);
    await expect(tunnels.client.verifyTunnel({ params })).rejects.toThrow(refusal('TOR_UNAVAILABLE'));
    await expect(tunnels.client.getTunnelPlan({})).rejects.toThrow(refusal('TOR_UNAVAILABLE'));
    const meanwhile = await tunnels.client.createTunnel({ body: { ...open, name: 'meanwhile' } });
    await tunnels.client.deleteTunnel({ params: { name: 'home' } });
    await tunnels.tor.restart();
    await until(() => (tunnels.look.isConnected ? true : undefined));
    await tunnels.present(one.onionAddress, rotated.onionAddress, meanwhile.onionAddress);
  });

  test('the service restarts: what is missing is added, what nobody saw published is added anew', async () => {
    const one = await tunnels.create(open);
    const two = await tunnels.client.createTunnel({ body: { ...open, name: 'two' } });
    await tunnels.present(one.onionAddress, two.onionAddress);
    await tunnels.tools.close();
    await tunnels.look.deleteOnion(two.onionAddress);
    await tunnels.reopen({ TUNNEL_TOOLS_OPENAPI_GATEWAY_URL: 'http://127.0.0.1:8080' });
    await tunnels.present(one.onionAddress, two.onionAddress);
    // This tor's network is off, so nothing was published; test/integration has the one that was, and is not touched.
    expect(await tunnels.steps()).toEqual({ add: 1, replace: 1 });
    expect(await tunnels.client.getTunnel({ params })).toMatchObject({ onionAddress: one.onionAddress });
  });

  test('a target that moved: the same address, told to tor again', async () => {
    const { onionAddress } = await tunnels.create(open);
    await tunnels.tools.close();
    await tunnels.reopen({ TUNNEL_TOOLS_OPENAPI_GATEWAY_URL: 'http://localhost:18080' });
    await until(async () => ((await tunnels.steps())['replace'] === 1 ? true : undefined));
    await tunnels.present(onionAddress);
  });

  test('a target that cannot be found: said, and made good later', async () => {
    await tunnels.tools.close();
    await tunnels.reopen({ TUNNEL_TOOLS_OPENAPI_GATEWAY_URL: 'http://nowhere.invalid:8080' });
    const { onionAddress } = await tunnels.client.createTunnel({ body: open });
    const { held } = await until(async () => {
      const plan = await tunnels.client.getTunnelPlan({});
      return plan.held.length > 0 ? plan : undefined;
    });
    expect(held).toMatchObject([{ tunnel: 'docs', onionAddress, reason: { code: 'TARGET_UNRESOLVED' } }]);
    const { targets } = await tunnels.client.getTunnelStatus({});
    expect(targets).toContainEqual({ target: 'openapi-gateway', reason: expect.stringContaining('nowhere.invalid') });
    expect(await tunnels.look.listOnions()).toEqual([]);
  });

  test('onion services of somebody else are told of, and left alone', async () => {
    const foreign = createOnionKey();
    const spec = { clientKeys: undefined, powDefense: false, maxStreams: 0, epoch: 0 };
    const ports = [{ virtualPort: 80, target: 'gateway', address: '127.0.0.1:9' }] as const;
    await tunnels.look.addOnion({ ...spec, ports, onionAddress: foreign.onionAddress }, foreign.expandedKey);
    const { onionAddress } = await tunnels.client.createTunnel({ body: open });
    await tunnels.present(onionAddress, foreign.onionAddress);
    expect(await tunnels.client.getTunnelPlan({})).toEqual({ steps: [], held: [], foreign: [foreign.onionAddress] });
    await tunnels.client.deleteTunnel({ params });
    await tunnels.present(foreign.onionAddress);
  });

  test('an address somebody else gave to tor is not fought over', async () => {
    const key = createOnionKey();
    // Not detached: it is the other connection's, and not in the list of those that outlive theirs.
    await tunnels.look.send(
      `ADD_ONION ED25519-V3:${Buffer.from(key.expandedKey).toString('base64')} Flags=DiscardPK Port=80,127.0.0.1:9`,
    );
    const secretKey = encodeKeyFiles(key).secretKey.toString('base64');
    await tunnels.client.createTunnel({ body: { ...open, secretKey } });
    const reason = await until(async () => {
      const [service] = (await tunnels.client.getTunnel({ params })).services;
      return service?.reason?.code === 'TOR_REFUSED' ? service.reason : undefined;
    });
    expect(reason.detail).toContain('550 Onion address collision');
    await tunnels.look.deleteOnion(key.onionAddress);
    await tunnels.present(key.onionAddress);
    expect((await tunnels.events()).filter((kind) => kind === 'tunnel.refused')).toEqual(['tunnel.refused']);
  });
});

describe('state', () => {
  test('tor, the targets, the tunnels', async () => {
    await tunnels.create(open);
    await tunnels.settled('docs', 'publishing');
    expect(await tunnels.client.getTunnelStatus({})).toMatchObject({
      service: 'tunnel-tools',
      tor: { isConnected: true, isVersionSafe: true, bootstrap: { progress: 0 }, circuitCount: 0 },
      tunnels: { declared: 1, onNetwork: 0, degraded: 0 },
      targets: [{ target: 'gateway', address: '127.0.0.1:8082' }, { target: 'openapi-gateway' }],
    });
    const ready = await tunnels.tools.app.inject('/readyz');
    expect(ready.json()).toMatchObject({
      checks: { store: { ok: true }, tor: { ok: false }, tunnels: { ok: false, detail: 'not on the network: docs' } },
    });
    const metrics = (await tunnels.tools.app.inject('/metrics')).body;
    expect(metrics).toMatch(/^tunnel_tools_tunnels\{state="publishing",.*\} 1$/m);
    expect(metrics).toMatch(/^tunnel_tools_control_connected\{.*\} 1$/m);
    expect(metrics).not.toMatch(/[a-z2-7]{56}/);
  });

  test('events, the latest first, page by page, of one tunnel', async () => {
    await tunnels.create(open);
    await tunnels.client.createTunnel({ body: closed });
    await tunnels.client.updateTunnel({ params, body: { maxStreams: 1 } });
    const { items } = await tunnels.client.listTunnelEvents({ query: { tunnel: 'docs' } });
    expect(items.map(({ kind }) => kind)).toEqual(['tunnel.changed', 'tunnel.created']);
    expect(items[0]).toMatchObject({ by: 'user-1', detail: 'maxStreams', requestId: expect.any(String) });
    const first = await tunnels.client.listTunnelEvents({ query: { tunnel: 'docs', limit: 1 } });
    const second = await tunnels.client.listTunnelEvents({
      query: { tunnel: 'docs', limit: 1, cursor: first.next ?? '' },
    });
    expect([...first.items, ...second.items]).toEqual(items);
    expect(second.next).toBeUndefined();
  });
});
