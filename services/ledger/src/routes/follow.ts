import type { ClassifyClient } from '@lucid/common/http/client-address';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Counter, Gauge } from 'prom-client';
import type { Log } from '../domain/log.ts';
import { ledgerError } from '../errors.ts';
import { Follower, type FollowTimes } from './follower.ts';
import { Places } from './places.ts';
import { implementForLogs, readEntriesOf, type ServedLog, type ServedLogs } from './served-logs.ts';

/** How many may follow, and how long they may take. */
export type FollowLimits = FollowTimes & {
  /** Followers in all. */
  readonly followersMax: number;
  /** Followers of one token's subject, or of one address without a token. */
  readonly clientFollowersMax: number;
};

export type FollowOptions = {
  readonly logs: ServedLogs;
  readonly limits: FollowLimits;
  readonly classifyClient: ClassifyClient;
};

/** Following a log live. */
export async function followRoutes(app: FastifyInstance, options: FollowOptions): Promise<void> {
  const { logs, limits, classifyClient } = options;
  const places = new Places(limits.followersMax, limits.clientFollowersMax);
  const followers = new Map(logs.all.map((log) => [log, followersOf(log)]));
  const refused = installFollowMetrics(app, followers);
  app.addHook('preClose', (done) => {
    for (const all of followers.values()) for (const follower of all) follower.end();
    done();
  });
  await implementForLogs(app, logs, {
    followLog: ({ query, headers, identity, request, reply }, served) => {
      const { log } = served.host;
      const lastId = headers['last-event-id'];
      const from = requireFrom(log, lastId === undefined ? query.from : lastId + 1);
      if (request.method === 'HEAD') return reply.headers(eventHeaders).send();
      const client = identity ? `subject ${identity.subject}` : `address ${classifyClient(request)}`;
      const release = places.take(client);
      if (typeof release === 'string') {
        refused.inc({ log: served.name, limit: release });
        throw refusal(release, limits);
      }
      const all = followers.get(served) ?? new Set();
      const read = (first: number, end: number) => readEntriesOf(served, first, end);
      const follower = new Follower(beginEvents(reply), log, read, from, limits);
      all.add(follower);
      reply.raw.once('close', release);
      void follower.run().finally(() => {
        all.delete(follower);
        release();
      });
      return reply;
    },
  });
}

const eventHeaders = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };

/** Takes the answer from Fastify; its head goes out at once. */
function beginEvents(reply: FastifyReply) {
  reply.hijack();
  reply.raw.writeHead(200, { ...reply.getHeaders(), ...eventHeaders } as Record<string, string>);
  reply.raw.flushHeaders();
  return reply.raw;
}

/** The followers of a log, told of what it publishes; they end with it. */
function followersOf({ host }: ServedLog): Set<Follower> {
  const followers = new Set<Follower>();
  host.observe({
    published: () => {
      for (const follower of followers) follower.wake();
    },
    failed: () => {
      for (const follower of followers) follower.end();
    },
  });
  return followers;
}

/** Throws LEDGER_RANGE_INVALID for an index the log does not reach yet. */
function requireFrom(log: Log, asked: number | undefined): number {
  if (asked === undefined) return log.published.treeSize;
  if (asked <= log.treeSize) return asked;
  throw ledgerError('LEDGER_RANGE_INVALID', `The log has ${log.treeSize} entries; there is no following from ${asked}`);
}

function refusal(limit: 'client' | 'all', { clientFollowersMax, followersMax }: FollowLimits): Error {
  const retry = { retryAfterSec: 30 };
  return limit === 'client'
    ? ledgerError('LEDGER_FOLLOWER_LIMIT', `One client follows the logs at most ${clientFollowersMax} times.`, retry)
    : ledgerError('LEDGER_FOLLOWERS_FULL', `All ${followersMax} places of followers are taken.`, retry);
}

function installFollowMetrics(app: FastifyInstance, followers: ReadonlyMap<ServedLog, ReadonlySet<Follower>>) {
  const following = new Gauge({
    name: 'ledger_followers',
    help: 'Clients that follow the log',
    labelNames: ['log'],
    registers: [],
    collect() {
      for (const [{ name }, all] of followers) this.set({ log: name }, all.size);
    },
  });
  app.metrics.registry.registerMetric(following);
  return new Counter({
    name: 'ledger_followers_refused_total',
    help: 'Followers refused, by the limit they met: of one client, or of all',
    labelNames: ['log', 'limit'] as const,
    registers: [app.metrics.registry],
  });
}
