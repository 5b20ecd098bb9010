import { beforeEach, expect, test } from 'vitest';
import { Observations } from '../../src/domain/observations.ts';
import type { NewTunnelEvent } from '../../src/domain/tunnel.ts';

const at = 'a.onion';
let now: number;
let events: NewTunnelEvent[];
let published: number[];
let seen: Observations;

beforeEach(() => {
  now = 0;
  events = [];
  published = [];
  seen = new Observations({
    now: () => now,
    onEvent: (event) => events.push(event),
    onPublished: (_address, time) => published.push(time),
  });
  seen.sync([{ tunnel: 'a', onionAddress: at, isRetiring: false }]);
  seen.setConnected(true);
});

const state = () => [seen.find(at)?.state, seen.find(at)?.since, seen.find(at)?.reason?.code];
const upload = (...outcomes: ('requested' | 'uploaded' | 'failed')[]) =>
  outcomes.forEach((outcome) => seen.uploaded(at, outcome));
const reached = { ok: true, steps: [{ name: 'http', ms: 3, ok: true }] };
const missed = { ok: false, steps: [{ name: 'connect', ms: 3, ok: false, code: 'SOCKS_F0', reason: 'not found' }] };
const kinds = () => events.map(({ kind }) => kind);

test('from declared to reachable, each with its time', () => {
  expect(state()).toEqual(['absent', 0, 'TUNNEL_PENDING']);
  now = 1;
  seen.added(at);
  expect(state()).toEqual(['publishing', 1, 'TUNNEL_PUBLISHING']);
  now = 2;
  upload('requested', 'requested', 'requested', 'requested', 'uploaded');
  expect(state()).toEqual(['publishing', 1, 'TUNNEL_PUBLISHING']);
  expect(seen.find(at)?.reason?.detail).toContain('1 of 4 uploads');
  upload('failed', 'uploaded');
  expect(state()).toEqual(['published', 2, undefined]);
  expect(published).toEqual([2]);
  now = 3;
  seen.probed(at, 3, reached);
  expect(state()).toEqual(['reachable', 3, undefined]);
  expect(seen.find(at)?.lastProbe).toEqual({ at: 3, ok: true, ms: 3 });
  expect(kinds()).toEqual(['tunnel.published', 'tunnel.reachable']);
});

test('failed uploads alone publish nothing', () => {
  seen.added(at);
  upload('requested', 'failed', 'requested', 'failed');
  expect(state()).toEqual(['publishing', 0, 'TUNNEL_PUBLISHING']);
});

test('three failures in a row are one event, one success ends them', () => {
  seen.added(at);
  upload('requested', 'uploaded');
  seen.probed(at, 1, reached);
  for (const time of [2, 3]) seen.probed(at, time, missed);
  seen.probed(at, 4, reached);
  for (const time of [5, 6]) seen.probed(at, time, missed);
  expect(state()[0]).toBe('reachable');
  now = 7;
  for (const time of [7, 8]) seen.probed(at, time, missed);
  expect(state()).toEqual(['degraded', 7, 'SOCKS_F0']);
  expect(events.at(-1)).toMatchObject({ kind: 'tunnel.degraded', tunnel: 'a', detail: 'SOCKS_F0: not found' });
  seen.probed(at, 9, reached);
  expect(kinds()).toEqual(['tunnel.published', 'tunnel.reachable', 'tunnel.degraded', 'tunnel.reachable']);
});

test('a lost control connection hides what is known, and is no event of the tunnel', () => {
  seen.added(at);
  upload('requested', 'uploaded');
  seen.setConnected(false);
  expect(state()).toEqual(['absent', 0, 'TOR_UNAVAILABLE']);
  seen.setConnected(true);
  expect(state()[0]).toBe('published');
  expect(kinds()).toEqual(['tunnel.published']);
});

test('what is added anew starts anew; what is stopped says so; what tor has from before is taken over', () => {
  seen.added(at);
  upload('requested', 'uploaded');
  seen.probed(at, 1, reached);
  seen.added(at);
  expect(state()[0]).toBe('publishing');
  seen.hold(at, { code: 'TUNNEL_STOPPED', detail: 'It is stopped.' });
  expect(state()).toEqual(['absent', 0, 'TUNNEL_STOPPED']);
  expect(kinds().at(-1)).toBe('tunnel.withdrawn');
  seen.adopted(at, 1);
  expect(state()[0]).toBe('published');
  seen.sync([{ tunnel: 'a', onionAddress: at, isRetiring: true }]);
  expect(state()[0]).toBe('retiring');
  seen.sync([]);
  expect(seen.find(at)).toBeUndefined();
  for (const late of [() => upload('uploaded'), () => seen.probed(at, 1, missed), () => seen.added(at)]) late();
  expect(seen.find(at)).toBeUndefined();
});
