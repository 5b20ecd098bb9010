import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createTunnelsClient, type TunnelsClient } from '@lucid/client/tunnels-client';
import { isAppError } from '@lucid/common/errors';
import { authenticate } from '@lucid/tunnel-tools/clients/tor-control/authenticate';
import { ControlConnection } from '@lucid/tunnel-tools/clients/tor-control/connection';
import { parseInfo } from '@lucid/tunnel-tools/clients/tor-control/values';
import { expect, test } from 'vitest';
import { TestTor } from '../../services/tunnel-tools/test/support/tor.ts';
import { createTestIdentity } from '../support/identity.ts';
import { TunnelToolsProcess } from '../support/tunnel-tools-process.ts';

// tunnel-tools is killed (SIGKILL) in the middle of changes, and tor with it now and then. What was acknowledged is
// there, what was not is whole or not at all, and tor has what is declared and nothing else.

const kills = 20;
const target = 'gateway';

/** A tunnel as its owner knows it. */
interface Known {
  readonly name: string;
  readonly onionAddress: string;
  readonly retiring: readonly string[];
  readonly isStopped: boolean;
  readonly clients: readonly { readonly clientId: string; readonly name: string }[];
}

type Tunnels = ReadonlyMap<string, Known>;
/** A change, and how to see that it was made. */
interface Change {
  readonly make: (client: TunnelsClient) => Promise<unknown>;
  readonly isIn: (after: Tunnels) => boolean;
}

const pick = <T>(items: readonly T[]): T | undefined => items[randomInt(Math.max(1, items.length))];

function create(): Change {
  const body = { name: `t${randomUUID().slice(0, 8)}`, ports: [{ virtualPort: 80, target }], clientAuth: true };
  return {
    make: (client) => client.createTunnel({ body }, { idempotencyKey: randomUUID() }),
    isIn: (after) => after.has(body.name),
  };
}

function rotate({ name, onionAddress }: Known, graceSec: number): Change {
  return {
    make: (client) => client.rotateTunnel({ params: { name }, body: { graceSec } }, { idempotencyKey: randomUUID() }),
    isIn: (after) => {
      const { onionAddress: now, retiring = [] } = after.get(name) ?? {};
      return now !== onionAddress && retiring.includes(onionAddress) === graceSec > 0;
    },
  };
}

function letIn({ name }: Known): Change {
  const person = randomUUID();
  return {
    make: (client) => client.createTunnelClient({ params: { name }, body: { name: person } }),
    isIn: (after) => after.get(name)?.clients.some((one) => one.name === person) ?? false,
  };
}

function revoke({ name }: Known, clientId: string): Change {
  return {
    make: (client) => client.revokeTunnelClient({ params: { name, clientId } }),
    isIn: (after) => !after.get(name)?.clients.some((one) => one.clientId === clientId),
  };
}

function toggle({ name, isStopped }: Known): Change {
  const body = { desired: isStopped ? 'published' : 'stopped' } as const;
  return {
    make: (client) => client.updateTunnel({ params: { name }, body }),
    isIn: (after) => after.get(name)?.isStopped === !isStopped,
  };
}

function remove({ name }: Known): Change {
  return { make: (client) => client.deleteTunnel({ params: { name } }), isIn: (after) => !after.has(name) };
}

/** A change that makes sense of what there is. */
function drawChange(known: Tunnels): Change {
  const tunnel = pick([...known.values()]);
  if (tunnel === undefined || known.size < 3) return create();
  const client = pick(tunnel.clients);
  const changes = [
    create(),
    letIn(tunnel),
    toggle(tunnel),
    ...(known.size > 6 ? [remove(tunnel), remove(tunnel)] : []),
    ...(tunnel.retiring.length > 0 ? [] : [rotate(tunnel, 0), rotate(tunnel, 600)]),
    ...(client === undefined ? [] : [revoke(tunnel, client.clientId)]),
  ];
  return pick(changes) ?? create();
}

async function read(client: TunnelsClient): Promise<Tunnels> {
  const { items } = await client.listTunnels({ query: { limit: 200 } });
  const known = items.map(async ({ name, onionAddress, desired, services }): Promise<[string, Known]> => {
    const page = await client.listTunnelClients({ params: { name }, query: { limit: 200 } });
    const retiring = services.slice(1).map((service) => service.onionAddress);
    const clients = page.items.map(({ clientId, name: person }) => ({ clientId, name: person }));
    return [name, { name, onionAddress, retiring, isStopped: desired === 'stopped', clients }];
  });
  return new Map(await Promise.all(known));
}

/** What tor itself has, asked past tunnel-tools. */
async function onionsOf(tor: TestTor): Promise<readonly string[]> {
  const ignore = (): void => undefined;
  await using connection = await ControlConnection.open({
    path: tor.controlPath,
    timeoutMs: 5000,
    onEvent: ignore,
    onClose: ignore,
  });
  await authenticate((command) => connection.send(command), tor.cookiePath);
  const info = parseInfo(await connection.send('GETINFO onions/detached')).get('onions/detached') ?? '';
  return info
    .split('\n')
    .filter(Boolean)
    .map((id) => `${id}.onion`);
}

function declared(known: Tunnels): readonly string[] {
  return [...known.values()].flatMap((one) => (one.isStopped ? [] : [one.onionAddress, ...one.retiring])).toSorted();
}

/** Waits until tor has what is declared; else says what it has. */
async function expectTorAsDeclared(tor: TestTor, known: Tunnels): Promise<void> {
  const until = performance.now() + 30_000;
  for (;;) {
    const onions = (await onionsOf(tor)).toSorted();
    if (JSON.stringify(onions) === JSON.stringify(declared(known))) return;
    if (performance.now() > until) expect(onions).toEqual(declared(known));
    await delay(50);
  }
}

test(`killed ${kills} times in the middle of changes, nothing acknowledged is lost and no onion is orphaned`, async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'lucid-tunnels-killed-'));
  stack.defer(async () => await rm(folder, { recursive: true, force: true }));
  const tor = stack.use(await TestTor.start());
  const identity = createTestIdentity();
  const jwks = stack.use(await identity.serveJwks());
  const tools = stack.use(
    await TunnelToolsProcess.create({
      folder,
      env: { TOR_CONTROL_PATH: tor.controlPath, TOKEN_ISSUER: identity.issuer, API_JWKS_URL: jwks.url },
    }),
  );
  const token = await identity.userToken({ roles: ['admin'], lifeSec: 3600 });
  const client = createTunnelsClient({ url: tools.url, token: () => token, attemptsMax: 1 });
  await tools.start();
  let known: Tunnels = await read(client);

  for (let kill = 0; kill < kills; kill += 1) {
    // A few changes one after another, and in the middle of the next the end.
    for (let before = randomInt(3); before >= 0; before -= 1) {
      const made = drawChange(known);
      await made.make(client);
      known = await read(client);
      expect(made.isIn(known)).toBe(true);
    }
    const change = drawChange(known);
    const last = change.make(client).then(
      () => true,
      (error: unknown) => (isAppError(error, 'UPSTREAM_UNREACHABLE') ? false : Promise.reject(error as Error)),
    );
    await delay(randomInt(25));
    const isTorKilled = randomInt(4) === 0;
    await Promise.all([tools.end('SIGKILL'), isTorKilled ? tor.kill() : undefined]);
    const isAcknowledged = await last;
    await Promise.all([tools.start(), isTorKilled ? tor.restart() : undefined]);
    const after = await read(client);
    const names = new Set([...known.keys(), ...after.keys()]);
    const differing = [...names].filter((name) => JSON.stringify(known.get(name)) !== JSON.stringify(after.get(name)));
    expect(differing.length).toBe(change.isIn(after) ? 1 : 0);
    if (isAcknowledged) expect(change.isIn(after)).toBe(true);
    known = after;
    await expectTorAsDeclared(tor, known);
  }
});
