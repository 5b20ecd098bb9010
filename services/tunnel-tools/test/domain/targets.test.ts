import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePorts } from '../../src/domain/targets.ts';
import { isSafeTor } from '../../src/domain/tor-version.ts';

const refused = expect.objectContaining({ code: 'TUNNEL_TARGET_REFUSED' });

test('the two names, and 80 unless said', () => {
  expect(parsePorts([{ target: 'gateway' }, { virtualPort: 8080, target: 'openapi-gateway' }])).toEqual([
    { virtualPort: 80, target: 'gateway' },
    { virtualPort: 8080, target: 'openapi-gateway' },
  ]);
});

const others = [
  '127.0.0.1:8082',
  '127.0.0.1',
  '[::1]:8082',
  '::1',
  'localhost:8082',
  'gateway:8082',
  'gateway.internal',
  'http://gateway',
  'unix:/run/tor/control',
  '/run/tor/control',
  'mongo',
  'mongodb:27017',
  'redis',
  'tor-proxy',
  'tor-proxy:9050',
  'control',
  'vm',
  'api',
  'ledger',
  'sessions',
  'governance',
  'blockchain-api',
  'openapi-server',
  'tunnel-tools',
  'Gateway',
  'gateway ',
  ' gateway',
  'gateway\0',
  '__proto__',
  'constructor',
];
test.each(others)('%j is refused, with a reason', (target) => {
  expect(() => parsePorts([{ target }])).toThrow(refused);
  expect(() => parsePorts([{ target: 'gateway' }, { virtualPort: 81, target }])).toThrow(refused);
});

test('whatever else is asked for is refused', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 256, unit: 'binary' }), (target) => {
      fc.pre(target !== 'gateway' && target !== 'openapi-gateway');
      expect(() => parsePorts([{ target }])).toThrow(refused);
    }),
  );
});

test('a virtual port leads to one target', () => {
  expect(() => parsePorts([{ target: 'gateway' }, { virtualPort: 80, target: 'openapi-gateway' }])).toThrow(
    expect.objectContaining({ code: 'TUNNEL_PORT_REPEATED' }),
  );
});

test.each([
  ['0.4.9.11', 'recommended', true],
  ['0.4.9.11', 'unknown', true],
  ['0.4.9.11', undefined, true],
  ['0.4.9.11 (git-0123456789abcdef)', 'new in series', true],
  ['0.4.10.1-alpha', 'new', true],
  ['1.0.0.0', 'new', true],
  ['0.4.9.10', 'recommended', false],
  ['0.4.8.99', 'recommended', false],
  ['0.3.9.12', 'recommended', false],
  ['0.4.9.11', 'obsolete', false],
  ['0.4.9.11', 'unrecommended', false],
  ['0.4.9', 'recommended', false],
  ['', undefined, false],
  ['0.4.9.111111', undefined, false],
])('tor %s, which its directories call %s: %s', (version, status, isSafe) => {
  expect(isSafeTor(version, status)).toBe(isSafe);
});
