import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createClientKey } from '../../src/domain/client-key.ts';
import { createOnionKey, encodeKeyFiles } from '../../src/domain/onion-key.ts';
import { until } from '../support/test-tools.ts';
import { closed, installTestTunnels, open, refusal } from '../support/test-tunnels.ts';

const tunnels = installTestTunnels();
const params = { name: 'docs' };

describe('rotation', () => {
  test('both addresses for the grace time, then the new one alone', async () => {
    const before = await tunnels.create(open);
    const rotated = await tunnels.client.rotateTunnel({ params, body: { graceSec: 100 } });
    expect(rotated.onionAddress).not.toBe(before.onionAddress);
    expect(rotated.services).toMatchObject([
      { onionAddress: rotated.onionAddress, role: 'current' },
      { onionAddress: before.onionAddress, role: 'retiring', successor: rotated.onionAddress },
    ]);
    await tunnels.present(before.onionAddress, rotated.onionAddress);
    expect((await tunnels.client.getTunnel({ params })).services[1]?.state).toBe('retiring');
    await expect(tunnels.client.rotateTunnel({ params, body: {} })).rejects.toThrow(refusal('TUNNEL_ROTATION_RUNNING'));
    tunnels.clock.advance(100_000);
    await tunnels.present(rotated.onionAddress);
    expect((await tunnels.client.getTunnel({ params })).services).toHaveLength(1);
    expect(await tunnels.events()).toContain('tunnel.retired');
  });

  test('without grace time the old address goes at once', async () => {
    await tunnels.create(open);
    const rotated = await tunnels.client.rotateTunnel({ params, body: { graceSec: 0 } });
    await tunnels.present(rotated.onionAddress);
  });

  test('a refresh keeps the address and tells tor again', async () => {
    const { onionAddress } = await tunnels.create(open);
    await tunnels.client.refreshTunnel({ params });
    await until(async () => ((await tunnels.steps())['replace'] === 1 ? true : undefined));
    await tunnels.present(onionAddress);
  });
});

describe('clients', () => {
  const home = { name: 'home' };

  test('get a key once, are listed, revoked and end by themselves', async () => {
    const { onionAddress, powDefense } = await tunnels.create(closed);
    expect(powDefense).toBe(false);
    const created = await tunnels.client.createTunnelClient({ params: home, body: { name: 'laptop' } });
    expect(created.authPrivate).toMatch(new RegExp(`^${onionAddress.slice(0, 56)}:descriptor:x25519:[A-Z2-7]{52}$`));
    const own = createClientKey();
    const brought = await tunnels.client.createTunnelClient({
      params: home,
      body: { name: 'phone', publicKey: own.publicKey, ttlSec: 60 },
    });
    expect(brought).not.toHaveProperty('authPrivate');
    const { items } = await tunnels.client.listTunnelClients({ params: home });
    expect(items.map(({ name }) => name).toSorted()).toEqual(['laptop', 'phone']);
    expect(JSON.stringify(items)).not.toContain('authPrivate');
    await tunnels.client.revokeTunnelClient({ params: { ...home, clientId: created.clientId } });
    tunnels.clock.advance(60_000);
    await until(async () =>
      (await tunnels.client.listTunnelClients({ params: home })).items.length === 0 ? true : undefined,
    );
    await tunnels.present(onionAddress);
    expect(await tunnels.events()).toEqual(
      expect.arrayContaining(['client.created', 'client.revoked', 'client.expired']),
    );
  });

  test('are refused where all are let in, twice by a name or a key, and with a key everybody has', async () => {
    await tunnels.create(open);
    await expect(tunnels.client.createTunnelClient({ params, body: { name: 'a' } })).rejects.toThrow(
      refusal('TUNNEL_CLIENT_AUTH_OFF'),
    );
    await tunnels.client.createTunnel({ body: closed });
    const { publicKey } = await tunnels.client.createTunnelClient({ params: home, body: { name: 'a' } });
    const again = async (body: { name: string; publicKey?: string }) =>
      await tunnels.client.createTunnelClient({ params: home, body });
    await expect(again({ name: 'a' })).rejects.toThrow(refusal('TUNNEL_CLIENT_NAME_TAKEN'));
    await expect(again({ name: 'b', publicKey })).rejects.toThrow(refusal('TUNNEL_CLIENT_KEY_INVALID'));
    await expect(again({ name: 'b', publicKey: 'A'.repeat(52) })).rejects.toThrow(refusal('TUNNEL_CLIENT_KEY_INVALID'));
    const unknown = { ...home, clientId: '0'.repeat(16) };
    await expect(tunnels.client.revokeTunnelClient({ params: unknown })).rejects.toThrow(
      refusal('TUNNEL_CLIENT_NOT_FOUND'),
    );
  });
});

describe('keys', () => {
  test('an address is taken along by its exported key', async () => {
    const { onionAddress } = await tunnels.create(open);
    await expect(tunnels.client.exportTunnelKey({ params, body: { confirm: 'yes' } })).rejects.toThrow(
      refusal('TUNNEL_CONFIRMATION_WRONG'),
    );
    const exported = await tunnels.client.exportTunnelKey({ params, body: { confirm: 'docs' } });
    expect(exported.onionAddress).toBe(onionAddress);
    await tunnels.client.deleteTunnel({ params });
    const again = await tunnels.client.createTunnel({
      body: { ...open, name: 'again', secretKey: exported.secretKey },
    });
    expect(again.onionAddress).toBe(onionAddress);
    await tunnels.present(onionAddress);
    expect(await tunnels.events()).toContain('key.exported');
    const wrong = Buffer.alloc(96).toString('base64');
    await expect(tunnels.client.createTunnel({ body: { ...open, secretKey: wrong } })).rejects.toThrow(
      refusal('TUNNEL_KEY_INVALID'),
    );
  });

  test('no key is on the disk or in the log, and no address is in the log at level info', async () => {
    const key = createOnionKey();
    const { secretKey } = encodeKeyFiles(key);
    await tunnels.create({ ...closed, secretKey: secretKey.toString('base64') });
    const { authPrivate = '' } = await tunnels.client.createTunnelClient({
      params: { name: 'home' },
      body: { name: 'laptop' },
    });
    await tunnels.client.exportTunnelKey({ params: { name: 'home' }, body: { confirm: 'home' } });
    await tunnels.tools.close();
    const folder = join(tunnels.tools.folder, 'data', 'tunnels');
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
      expect(tunnels.log.text().includes(Buffer.from(secret).toString('latin1'))).toBe(false);
    }
    const lines = tunnels.log.text().split('\n').filter(Boolean);
    const visible = lines.filter((line) => !['debug', 'trace'].includes((JSON.parse(line) as { level: string }).level));
    expect(visible.filter((line) => /[a-z2-7]{56}/.test(line))).toEqual([]);
    await tunnels.tools.open();
  });

  test('with another sealing key it does not start, and says what to do', async () => {
    await tunnels.create(open);
    await tunnels.tools.close();
    const other = join(tunnels.tools.folder, 'other');
    await writeFile(other, 'another secret of a test, long enough to be one');
    await expect(tunnels.tools.open({ TUNNELS_KEY_FILE: other })).rejects.toThrow(refusal('TUNNELS_KEY_WRONG'));
    await tunnels.tools.open();
  });
});
