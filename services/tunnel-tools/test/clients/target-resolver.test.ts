import { TestClock } from '@lucid/common/runtime/clock';
import { expect, test } from 'vitest';
import { TargetResolver } from '../../src/clients/target-resolver.ts';

const urls = { gateway: 'http://gateway.internal:8082', 'openapi-gateway': 'http://[::1]:8080' };

/** A name server whose answers are set by hand. */
function open(answers: Record<string, string[]>, clock = new TestClock()) {
  const moves: string[] = [];
  const resolver: TargetResolver = new TargetResolver({
    urls,
    intervalMs: 15_000,
    clock,
    onMove: () => moves.push(resolver.places()[0]?.address ?? ''),
    lookUp: async (host) => {
      const found = answers[host];
      if (!found) throw new Error(`${host} is not known`);
      return found;
    },
  });
  return { resolver, moves, clock };
}

test('names are resolved, addresses stand as they are, IPv4 goes first', async () => {
  await using parts = open({ 'gateway.internal': ['fd00::1', '10.0.0.1'] }).resolver;
  expect(parts.places()).toEqual([{ target: 'gateway' }, { target: 'openapi-gateway' }]);
  expect(await parts.resolve()).toBe(true);
  expect(parts.places()).toEqual([
    { target: 'gateway', address: '10.0.0.1:8082' },
    { target: 'openapi-gateway', address: '[::1]:8080' },
  ]);
  expect(await parts.resolve()).toBe(false);
});

test('a move is told, a shuffle is none, and a name that is lost for a while keeps its place', async () => {
  const answers: Record<string, string[]> = { 'gateway.internal': ['10.0.0.1', '10.0.0.2'] };
  const { resolver, moves, clock } = open(answers);
  await using _ = resolver;
  resolver.start();
  const later = async (found: string[] | undefined) => {
    await clock.slept();
    if (found) answers['gateway.internal'] = found;
    else delete answers['gateway.internal'];
    clock.advance(15_000);
    await clock.slept();
    return resolver.places()[0];
  };
  expect(await later(['10.0.0.2', '10.0.0.1'])).toEqual({ target: 'gateway', address: '10.0.0.1:8082' });
  expect(await later(undefined)).toEqual({
    target: 'gateway',
    address: '10.0.0.1:8082',
    reason: 'gateway.internal is not known',
  });
  expect(await later(['10.0.0.3'])).toEqual({ target: 'gateway', address: '10.0.0.3:8082' });
  expect(await later([])).toMatchObject({ address: '10.0.0.3:8082', reason: 'gateway.internal has no address' });
  expect(moves).toEqual(['10.0.0.1:8082', '10.0.0.3:8082']);
});

test.each(['https://gateway:1', 'http://gateway/path', 'http://user@gateway', 'socks5://gateway', 'gateway', ''])(
  'where a target is must be a plain URL: %j',
  (gateway) => {
    const options = { intervalMs: 1, clock: new TestClock(), onMove: () => undefined };
    expect(() => new TargetResolver({ ...options, urls: { ...urls, gateway } })).toThrow(
      expect.objectContaining({ code: 'TARGET_URL_UNFIT' }),
    );
  },
);

test.each(['redis.internal:6379', 'mongo:27017', '127.0.0.1:9050', '[::1]:9051'])(
  'no setting leads a target to a store’s port or to tor’s: %s',
  (place) => {
    const options = { intervalMs: 1, clock: new TestClock(), onMove: () => undefined };
    expect(() => new TargetResolver({ ...options, urls: { ...urls, gateway: `http://${place}` } })).toThrow(
      expect.objectContaining({
        code: 'TARGET_URL_UNFIT',
        message: expect.stringContaining('never published') as string,
      }),
    );
  },
);
