import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { specDigest } from '../../src/domain/onion-spec.ts';
import { type Plan, planOf, wantedOf } from '../../src/domain/plan.ts';
import type { Applied } from '../../src/domain/stores.ts';
import type { TargetPlace } from '../../src/domain/targets.ts';
import type { OnionServiceRecord, Tunnel } from '../../src/domain/tunnel.ts';
import { ageTunnel, revise, rotateTunnel } from '../../src/domain/tunnel-changes.ts';

let serial = 0;
function service(now: number): OnionServiceRecord {
  serial += 1;
  return { onionAddress: `address-${serial}`, sealedKey: '', createdAt: now, retiresAt: null };
}

function tunnel(name: string, now: number, more: Partial<Tunnel> = {}): Tunnel {
  return {
    name,
    version: 1,
    owner: 'somebody',
    origin: 'api',
    desired: 'published',
    ports: [{ virtualPort: 80, target: 'gateway' }],
    clientAuth: false,
    clients: [],
    powDefense: true,
    maxStreams: 256,
    expiresAt: null,
    services: [service(now)],
    probeKey: { publicKey: 'PROBE', sealedKey: '' },
    epoch: 0,
    createdAt: now,
    updatedAt: now,
    ...more,
  };
}

const places: readonly TargetPlace[] = [
  { target: 'gateway', address: '10.0.0.1:8082' },
  { target: 'openapi-gateway', address: '10.0.0.2:8080' },
];

/** What tor does when it is told: it remembers the last it was told, until it restarts. */
class ModelTor {
  readonly onions = new Map<string, string>();
  applied = new Map<string, Applied>();

  tell({ steps }: Plan): void {
    for (const step of steps) {
      if (step.action !== 'add') expect(this.onions.delete(step.onionAddress)).toBe(true);
      if (step.action === 'delete') continue;
      // As tor does, it refuses an address that is there already.
      expect(this.onions.has(step.onionAddress)).toBe(false);
      this.onions.set(step.onionAddress, specDigest(step.spec));
      this.applied.set(step.onionAddress, { digest: step.digest, publishedAt: null });
    }
  }
}

/** A world of tunnels, time, places and a tor that restarts, with somebody else's onion service in it. */
class World {
  now = 0;
  tunnels = new Map<string, Tunnel>();
  buried = new Set<string>();
  places = [...places];
  readonly tor = new ModelTor();

  constructor() {
    this.tor.onions.set('foreign', '');
  }

  plan(): Plan {
    const wanted = wantedOf([...this.tunnels.values()], this.buried, this.places, this.now);
    return planOf(wanted, { present: new Set(this.tor.onions.keys()), applied: this.tor.applied });
  }

  age(): void {
    for (const before of this.tunnels.values()) {
      const aged = ageTunnel(before, this.now);
      if (!aged) continue;
      this.tunnels.set(before.name, aged.tunnel);
      for (const address of aged.retired) this.buried.add(address);
    }
  }
}

const names = ['a', 'b', 'c'];
type Act = (world: World) => void;
const onTunnel = (act: (world: World, tunnel: Tunnel) => Tunnel): fc.Arbitrary<Act> =>
  fc.constantFrom(...names).map((name) => (world) => {
    const found = world.tunnels.get(name);
    if (found) world.tunnels.set(name, act(world, found));
  });

const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ name: fc.constantFrom(...names), clientAuth: fc.boolean() }).map(
    ({ name, clientAuth }): Act =>
      (world) =>
        void (world.tunnels.has(name) || world.tunnels.set(name, tunnel(name, world.now, { clientAuth }))),
  ),
  fc.constantFrom(...names).map(
    (name): Act =>
      (world) => {
        for (const { onionAddress } of world.tunnels.get(name)?.services ?? []) world.buried.add(onionAddress);
        world.tunnels.delete(name);
      },
  ),
  onTunnel(({ now }, one) => revise(one, { desired: one.desired === 'stopped' ? 'published' : 'stopped' }, now)),
  onTunnel(({ now }, one) => revise(one, { epoch: one.epoch + 1 }, now)),
  onTunnel(({ now }, one) => revise(one, { expiresAt: now + 3 }, now)),
  onTunnel(({ now }, one) => (one.services.length > 1 ? one : rotateTunnel(one, service(now), 5, now))),
  onTunnel(({ now }, one) => {
    const client = { clientId: `${now}`, name: `${now}`, publicKey: `KEY${now}`, createdAt: now, expiresAt: now + 4 };
    return revise(one, { clients: [...one.clients, client] }, now);
  }),
  fc.integer({ min: 1, max: 4 }).map(
    (ms): Act =>
      (world) =>
        void (world.now += ms),
  ),
  // tor restarts.
  fc.constant<Act>((world) => {
    world.tor.onions.clear();
    world.tor.onions.set('foreign', '');
  }),
  fc.constantFrom('10.0.0.3:8082', '10.0.0.4:8082', undefined).map(
    (address): Act =>
      (world) => {
        world.places = [address === undefined ? { target: 'gateway', reason: 'gone' } : { target: 'gateway', address }];
      },
  ),
  // What was noted of tor is lost, or is from before.
  fc.constant<Act>((world) => void (world.tor.applied = new Map())),
);

test('one round brings tor to what is declared, a second one does nothing, and what is not ours stays', () => {
  fc.assert(
    fc.property(fc.array(acts, { maxLength: 40 }), (story) => {
      const world = new World();
      for (const act of story) {
        act(world);
        world.age();
        const plan = world.plan();
        world.tor.tell(plan);
        const wanted = wantedOf([...world.tunnels.values()], world.buried, world.places, world.now);
        const kept = wanted.held.filter(({ isKept }) => isKept).map(({ onionAddress }) => onionAddress);
        const declared = wanted.specs.map(({ spec }): [string, string] => [spec.onionAddress, specDigest(spec)]);
        const others = [...world.tor.onions].filter(([address]) => !kept.includes(address));
        expect(new Map(others)).toEqual(new Map([...declared, ['foreign', '']]));
        expect(world.plan()).toMatchObject({ steps: [], foreign: ['foreign'] });
        for (const [name] of world.tunnels) expect(names).toContain(name);
      }
    }),
    { numRuns: 300 },
  );
});

test('a tunnel that needs keys is never open to all, whoever is left', () => {
  const one = tunnel('a', 0, { clientAuth: true });
  const gone = { clientId: '1', name: 'gone', publicKey: 'GONE', createdAt: 0, expiresAt: 5 };
  const { specs } = wantedOf([one, { ...one, name: 'b', clients: [gone] }], [], places, 5);
  expect(specs.map(({ spec }) => spec.clientKeys)).toEqual([['PROBE'], ['PROBE']]);
});

test('what is held says why', () => {
  const held = (more: Partial<Tunnel>, where = places) =>
    wantedOf([tunnel('a', 0, more)], [], where, 10).held.map(({ reason }) => reason.code);
  expect(held({ desired: 'stopped' })).toEqual(['TUNNEL_STOPPED']);
  expect(held({ expiresAt: 10 })).toEqual(['TUNNEL_EXPIRED']);
  expect(held({}, [])).toEqual(['TARGET_UNRESOLVED']);
  expect(held({})).toEqual([]);
});

test('a service whose target cannot be found any more keeps the place it has', () => {
  const one = tunnel('a', 0);
  const address = one.services[0].onionAddress;
  const applied = new Map([[address, { digest: 'before', publishedAt: 1 }]]);
  const plan = planOf(wantedOf([one], [], [], 0), { present: new Set([address]), applied });
  expect(plan).toMatchObject({ steps: [], settled: [address] });
});

test('but not one for authorized clients: who was let in there may have been revoked since', () => {
  const one = tunnel('a', 0, { clientAuth: true });
  const address = one.services[0].onionAddress;
  const applied = new Map([[address, { digest: 'with a key that was revoked', publishedAt: 1 }]]);
  const plan = planOf(wantedOf([one], [], [], 0), { present: new Set([address]), applied });
  expect(plan).toMatchObject({ steps: [{ action: 'delete', onionAddress: address }], settled: [] });
});
