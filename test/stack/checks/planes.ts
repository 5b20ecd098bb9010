import type { Steps } from '../../support/steps.ts';
import { type Container, listContainers } from '../containers.ts';
import { listenersOf, reachableFrom } from '../namespace.ts';
import { Outside } from '../outside.ts';
import type { Target } from '../probe.ts';
import type { Stack } from '../stack.ts';
import { mayReach, openToNeighbours, planes, planesOf, ports, publishedPorts } from '../topology.ts';

/** The containers that run reach each other, and the outside, as the table says and in no other way. */
export async function checkPlanes(steps: Steps, stack: Stack): Promise<void> {
  const containers = await listContainers(stack);
  await steps.check('networks of each container', () => {
    const known = [...new Set(Object.values(planes).flatMap(({ members }) => members))].toSorted();
    const running = containers.map(({ service }) => service).toSorted();
    if (running.join() !== known.join()) throw new Error(`these run: ${running.join(', ')}`);
    const wrong = containers.filter(({ service, addresses }) => {
      return Object.keys(addresses).toSorted().join() !== planesOf(service).toSorted().join();
    });
    throwIfAny(wrong.map(({ service, addresses }) => `${service} is on ${Object.keys(addresses).join(', ')}`));
    return `${containers.length} containers on ${Object.keys(planes).length} networks`;
  });
  await steps.check('open ports', async () => {
    const counts = await Promise.all(containers.map(checkListeners));
    const published = await publishedOn(stack);
    const expected = publishedPorts.map((port) => `127.0.0.1:${port}`).toSorted();
    if (published.join() !== expected.join()) throw new Error(`this machine listens on ${published.join(', ')}`);
    return `${counts.reduce((sum, count) => sum + count, 0)} in containers, ${published.length} published on 127.0.0.1, no other`;
  });
  await steps.check('every pair of containers', async () => {
    const results = await Promise.all(containers.map((from) => checkPairs(from, containers)));
    throwIfAny(results.flatMap(({ wrong }) => wrong));
    const sum = (pick: (result: PairResult) => number) => results.reduce((total, result) => total + pick(result), 0);
    return `${sum(({ tried }) => tried)} addresses tried, ${sum(({ reached }) => reached)} reached, all as the table says`;
  });
  await steps.check('no way out', async () => {
    await using outside = await Outside.open(stack);
    const isOut = async (one: Container) => (await reachableFrom(one.pid, [outside.target])).length > 0;
    const wayOut = await Promise.all(containers.map(isOut));
    const out = containers.filter((_, index) => wayOut[index]).map(({ service }) => service);
    const expected = containers.map(({ service }) => service).filter((service) => planesOf(service).some(leadsOut));
    if (out.join() !== expected.join()) throw new Error(`these reach the outside: ${out.join(', ') || 'none'}`);
    return `only ${out.join(', ')} reach another machine`;
  });
  await steps.check('a neighbour with a route', () => checkNeighbour(stack, containers));
}

/** A machine on the same network knows the containers' addresses and has a route to them. */
async function checkNeighbour(stack: Stack, containers: readonly Container[]): Promise<string> {
  await using outside = await Outside.open(stack);
  const attempts = attemptsOn(containers);
  const open = new Set((await reachableFrom(outside.pid, attempts.map(onlyTarget))).map(({ address }) => address));
  const reached = attempts
    .filter(({ address }) => open.has(address))
    .map(({ to, plane }) => `${to.service} on ${plane}`);
  throwIfAny(reached.filter((name) => !openToNeighbours.includes(name)).map((name) => `it reaches ${name}`));
  return `${attempts.length} addresses tried, reached: ${reached.join(', ') || 'none'}`;
}

const leadsOut = (plane: string) => planes[plane]?.leadsOut ?? false;

/** Docker's own resolver, in every container. */
const isResolver = (listener: string) => listener.startsWith('127.0.0.11:');

async function checkListeners({ service, pid }: Container): Promise<number> {
  // A server may listen for IPv4 and IPv6 apart.
  const found = [...new Set(await listenersOf(pid))].filter((listener) => !isResolver(listener));
  const port = ports[service];
  const expected = port === undefined ? [] : [`0.0.0.0:${port}`];
  if (found.join() !== expected.join()) throw new Error(`${service} listens on ${found.join(', ') || 'nothing'}`);
  return found.length;
}

/** What the engine listens on for containers; on a machine that others use too, at the stack's own ports alone. */
async function publishedOn(stack: Stack): Promise<string[]> {
  const rows = (await stack.inNetwork(['ss', '-Hltnp'])).split('\n').filter((row) => row.includes('"docker-proxy"'));
  const listeners = rows.map((row) => row.trim().split(/\s+/)[3] ?? '');
  const isOurs = (listener: string) => publishedPorts.includes(Number(listener.split(':').at(-1)));
  return listeners.filter((listener) => stack.namespace !== undefined || isOurs(listener)).toSorted();
}

interface PairResult {
  readonly tried: number;
  readonly reached: number;
  readonly wrong: readonly string[];
}

async function checkPairs(from: Container, containers: readonly Container[]): Promise<PairResult> {
  const attempts = attemptsOn(containers.filter((to) => to !== from));
  const open = new Set((await reachableFrom(from.pid, attempts.map(onlyTarget))).map(({ address }) => address));
  const wrong = attempts.flatMap(({ to, plane, address }) => {
    const isOpen = open.has(address);
    if (isOpen === mayReach(from.service, plane)) return [];
    return [`${from.service} ${isOpen ? 'reaches' : 'does not reach'} ${to.service} on ${plane} (${address})`];
  });
  return { tried: attempts.length, reached: open.size, wrong };
}

/** Every address of every container, with the port it listens on. */
function attemptsOn(containers: readonly Container[]) {
  return containers.flatMap((to) => {
    const targets = Object.entries(to.addresses).map(([plane, address]) => ({ to, plane, address }));
    return targets.map((target) => ({ ...target, port: ports[to.service] ?? 0 })).filter(({ port }) => port > 0);
  });
}

const onlyTarget = ({ address, port }: Target): Target => ({ address, port });

function throwIfAny(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(problems.join('; '));
}
