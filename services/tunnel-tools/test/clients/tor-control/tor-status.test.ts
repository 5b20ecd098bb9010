import { expect, test } from 'vitest';
import { parseBootstrap, parseStatus, visitorCircuits } from '../../../src/clients/tor-control/tor-status.ts';

const [ours, other] = ['a'.repeat(56), 'b'.repeat(56)];
const path =
  '$90105ED2E73B4585F2D175CB3C1BCA5F4E13DEF2~authority0,$3F8C832FA75C2CD289FBAC5CF2636F385D7B1633~authority1';
const time = 'TIME_CREATED=2026-11-23T14:14:18.797188';
/** As tor 0.4.9.11 writes them. */
const circuits = [
  `4 BUILT ${path} BUILD_FLAGS=IS_INTERNAL PURPOSE=HS_SERVICE_INTRO HS_STATE=HSSI_ESTABLISHED REND_QUERY=${ours} ${time}`,
  `25 BUILT ${path} BUILD_FLAGS=IS_INTERNAL,NEED_CAPACITY PURPOSE=HS_SERVICE_REND HS_STATE=HSSR_JOINED REND_QUERY=${ours} ${time}`,
  `26 EXTENDED ${path} BUILD_FLAGS=IS_INTERNAL PURPOSE=HS_SERVICE_REND HS_STATE=HSSR_CONNECTING REND_QUERY=${ours} ${time}`,
  `27 BUILT ${path} BUILD_FLAGS=IS_INTERNAL PURPOSE=HS_SERVICE_REND HS_STATE=HSSR_JOINED REND_QUERY=${other} ${time}`,
  `28 BUILT ${path} BUILD_FLAGS=IS_INTERNAL PURPOSE=HS_CLIENT_REND HS_STATE=HSCR_JOINED REND_QUERY=${ours} ${time}`,
  `29 LAUNCHED BUILD_FLAGS=NEED_CAPACITY PURPOSE=GENERAL ${time}`,
];

test('the circuits of visitors, and no others', () => {
  const text = circuits.join('\n');
  expect(visitorCircuits(text, new Set([`${ours}.onion`]))).toEqual(['25', '26']);
  expect(visitorCircuits(text, new Set([`${other}.onion`]))).toEqual(['27']);
  expect(visitorCircuits('', new Set([`${ours}.onion`]))).toEqual([]);
  expect(visitorCircuits('nonsense\n PURPOSE=HS_SERVICE_REND', new Set(['undefined.onion']))).toEqual([]);
});

test('a tor that is stuck says why', () => {
  const text =
    'WARN BOOTSTRAP PROGRESS=10 TAG=conn_done SUMMARY="Connected to a relay" WARNING="Connection refused" ' +
    'REASON=CONNECTREFUSED COUNT=12 RECOMMENDATION=warn';
  expect(parseBootstrap(text)).toEqual({
    progress: 10,
    tag: 'conn_done',
    summary: 'Connected to a relay',
    warning: 'Connection refused',
  });
  expect(parseBootstrap('')).toEqual({ progress: 0, tag: 'unknown', summary: '' });
  expect(parseBootstrap('NOTICE BOOTSTRAP PROGRESS=1000 TAG=x')).toMatchObject({ progress: 0 });
});

test('the state of a tor on the network', () => {
  const info = new Map([
    ['version', '0.4.9.11'],
    ['status/version/current', 'recommended'],
    ['status/bootstrap-phase', 'NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"'],
    ['status/circuit-established', '1'],
    ['network-liveness', 'up'],
    ['circuit-status', circuits.join('\n')],
  ]);
  expect(parseStatus(info)).toEqual({
    version: '0.4.9.11',
    isVersionSafe: true,
    versionStatus: 'recommended',
    bootstrap: { progress: 100, tag: 'done', summary: 'Done' },
    isCircuitEstablished: true,
    isNetworkLive: true,
    circuitCount: 6,
  });
  expect(parseStatus(new Map([...info, ['status/version/current', 'obsolete']])).isVersionSafe).toBe(false);
});
