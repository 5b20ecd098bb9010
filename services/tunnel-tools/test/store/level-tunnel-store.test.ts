import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Tunnel } from '../../src/domain/tunnel.ts';
import { eventsMax, LevelTunnelStore, probesMax } from '../../src/store/level-tunnel-store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-tunnel-store-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const all = { limit: 20_000, before: undefined };
const probe = { onionAddress: 'a.onion', at: 1, ok: true, steps: [], trigger: 'schedule' } as const;
const tunnel = (name: string) => ({ name, version: 1 }) as unknown as Tunnel;

test('what is written together is there after a restart', async () => {
  {
    await using level = await openLevelStore(folder);
    const store = new LevelTunnelStore(level, () => 5);
    await store.load();
    await store.write({
      put: tunnel('a'),
      bury: ['x.onion', 'y.onion'],
      applied: [['a.onion', { digest: 'd', publishedAt: 3 }]],
      events: [{ kind: 'tunnel.created', tunnel: 'a' }],
    });
    await store.write({ applied: [['y.onion', { digest: 'e', publishedAt: null }]] });
    // What tor was told of an address goes with it.
    await store.write({ exhume: ['y.onion'], put: tunnel('b') });
    expect(await store.addProbe('a', probe)).toBe(1);
  }
  await using level = await openLevelStore(folder);
  const store = new LevelTunnelStore(level, () => 6);
  expect(await store.load()).toEqual({
    tunnels: [tunnel('a'), tunnel('b')],
    buried: ['x.onion'],
    applied: new Map([['a.onion', { digest: 'd', publishedAt: 3 }]]),
  });
  await store.write({ events: [{ kind: 'tunnel.changed', tunnel: 'a' }] });
  const events = await store.listEvents({ ...all, tunnel: 'a' });
  expect(events.map(({ eventId, at }) => [eventId, at])).toEqual([
    [2, 6],
    [1, 5],
  ]);
  expect(await store.addProbe('a', probe)).toBe(2);
});

test('the oldest events and probes go; a tunnel’s probes go with it', async () => {
  await using level = await openLevelStore(folder);
  const store = new LevelTunnelStore(level, () => 5);
  await store.load();
  const events = Array.from({ length: eventsMax + 50 }, () => ({ kind: 'tunnel.changed' }) as const);
  await store.write({ events });
  const kept = await store.listEvents({ ...all, tunnel: undefined });
  expect([kept.length, kept[0]?.eventId, kept.at(-1)?.eventId]).toEqual([eventsMax, eventsMax + 50, 51]);
  for (const name of ['a', 'ab']) {
    await Promise.all(Array.from({ length: probesMax + 5 }, async () => await store.addProbe(name, probe)));
  }
  const probes = await store.listProbes('a', all);
  expect([probes.length, probes[0]?.probeId]).toEqual([probesMax, probesMax + 5]);
  await store.write({ remove: 'a' });
  expect(await store.listProbes('a', all)).toEqual([]);
  expect(await store.listProbes('ab', all)).toHaveLength(probesMax);
  expect(await store.addProbe('a', probe)).toBe(1);
});
