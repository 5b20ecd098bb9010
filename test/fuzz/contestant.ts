import type { Socket } from 'node:net';
import { defineApi } from '@lucid/common/apis/api';
import { commonError } from '@lucid/common/apis/error-factory';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { installFastLane } from '@lucid/common/http/fast-lane/lane';
import type { LaneRequest, LaneRoute } from '@lucid/common/http/fast-lane/route';
import type { Identity } from '@lucid/common/http/identity';
import { implement } from '@lucid/common/http/implement';
import { createService } from '@lucid/common/http/service';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { Stream } from './streams.ts';
import { Wire } from './wire.ts';

const { appendEntry } = ledgerApi.operations;
const api = defineApi({
  service: 'target',
  title: 'Target',
  description: 'Is fuzzed',
  errors: {},
  operations: {
    addEntry: { ...appendEntry, access: { roles: ['service'] }, bodyBytesMax: 100, errors: [] },
    getItem: {
      method: 'GET',
      path: '/item',
      summary: 'Gives it',
      access: 'public',
      responses: { 200: { description: 'It' } },
    },
  },
});

const identityOf = (token: string): Identity => ({
  subject: token,
  roles: token === 'user' ? ['user'] : ['service'],
  scopes: [],
  tokenId: token,
  expiresAt: Number.MAX_SAFE_INTEGER,
});

function verifyToken(token: string): Promise<Identity> | Identity {
  if (token === 'good' || token === 'user') return identityOf(token);
  if (token === 'later') return new Promise((resolve) => queueMicrotask(() => resolve(identityOf(token))));
  if (token === 'expired') return Promise.reject(commonError('AUTH_TOKEN_EXPIRED', 'It has expired.'));
  throw commonError('AUTH_TOKEN_INVALID', 'Nobody knows it.');
}

/** What the answer tells of the request, so that two servers can be held against each other by their answers. */
function serve(entry: Buffer, subject: string, key: string | undefined, receipt: boolean) {
  const text = entry.toString('latin1');
  if (text === 'fail busy') throw commonError('OVERLOADED', 'No room — try again.', { retryAfterSec: 3 });
  if (text === 'fail fault') throw new Error('a fault that says too much');
  return { entry: entry.toString('hex'), subject, key: key ?? null, receipt };
}

async function serveLate(...parts: Parameters<typeof serve>) {
  await Promise.resolve();
  if (parts[0].toString('latin1') === 'fail late') throw commonError('DEPENDENCY_UNAVAILABLE', 'Later.');
  return serve(...parts);
}

const jsonType = 'application/json; charset=utf-8';

function laneRoutes(counted: { served: number }): LaneRoute[] {
  const post = (receipt: boolean): LaneRoute => ({
    method: 'POST',
    target: receipt ? '/entries?receipt=1' : '/entries',
    operationId: 'addEntry',
    access: { roles: ['service'] },
    contentTypes: ['application/octet-stream', 'application/json'],
    bodyBytesMax: 100,
    headers: ['idempotency-key'],
    serve: (request) => {
      const entry = entryOf(request);
      if (!entry) return undefined;
      counted.served += 1;
      const { identity, headers } = request;
      const parts = [entry, identity?.subject ?? '', headers['idempotency-key'], receipt] as const;
      const answered = (value: unknown) => ({ status: 201, body: JSON.stringify(value), contentType: jsonType });
      return receipt ? serveLate(...parts).then(answered) : answered(serve(...parts));
    },
  });
  const get: LaneRoute = {
    method: 'GET',
    target: '/item',
    operationId: 'getItem',
    access: 'public',
    contentTypes: [],
    bodyBytesMax: 0,
    headers: [],
    serve: ({ identity }) => {
      counted.served += 1;
      return {
        status: 200,
        body: Buffer.from(JSON.stringify({ for: identity?.subject ?? 'é' })),
        contentType: jsonType,
      };
    },
  };
  return [post(false), post(true), get];
}

function entryOf({ body, contentType }: LaneRequest): Buffer | undefined {
  if (contentType === 'application/octet-stream') return body.length > 0 ? body : undefined;
  const text = /^\{"entry":"([A-Za-z0-9+/]*={0,2})"\}$/.exec(body.toString('latin1'))?.[1];
  if (text === undefined) return undefined;
  const entry = Buffer.from(text, 'base64');
  return entry.toString('base64') === text ? entry : undefined;
}

/** One of the two servers that are held against each other. */
export interface Contestant extends AsyncDisposable {
  /** Plays the streams at once, and answers what came back on each. */
  play(streams: readonly Stream[]): Promise<string[]>;
  /** Access lines since it was last asked, without what is random, sorted. */
  takeLines(): string[];
  readonly counted: { readonly served: number; readonly handedOver: number };
}

export async function createContestant(withLane: boolean): Promise<Contestant> {
  const counted = { served: 0, handedOver: 0 };
  let lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => void lines.push(...tellingLine(line)) });
  const app = await createService({ api, version: '1', logger, verifyToken });
  await implement(app, api, {
    addEntry: async ({ body, query, identity, request, reply }) => {
      const entry = Buffer.isBuffer(body)
        ? body
        : Buffer.from((body as { entry: string } | undefined)?.entry ?? '', 'base64');
      reply.code(201).type(jsonType);
      const key = request.headers['idempotency-key'];
      const parts = [entry, identity.subject, typeof key === 'string' ? key : undefined, query.receipt === 1] as const;
      return reply.send(query.receipt === 1 ? await serveLate(...parts) : serve(...parts));
    },
    getItem: ({ identity, reply }) => reply.type(jsonType).send({ for: identity?.subject ?? 'é' }),
  });
  if (withLane) installFastLane(app, laneRoutes(counted));
  await app.ready();
  app.server.on('request', () => (counted.handedOver += 1));
  return {
    counted,
    play: async (streams) => await Promise.all(streams.map((stream) => playOne(app, stream))),
    takeLines: () => lines.splice(0).toSorted(),
    [Symbol.asyncDispose]: async () => {
      lines = [];
      await app.close();
    },
  };
}

/** The fields of an access line that two servers must agree on. How far a request got that broke off is not one. */
function tellingLine(line: string): string[] {
  const { msg, operation, method, path, status, subject } = JSON.parse(line) as Record<string, unknown>;
  if (msg !== 'request') return [];
  return [JSON.stringify({ operation, method, path, status, ...(status === 499 ? {} : { subject }) })];
}

const quietTurns = 4;

/** Turns of the event loop pass until nothing more is answered: every handler here is done within a few. */
async function quiet(wire: Wire): Promise<void> {
  for (let bytes = -1, turns = 0; turns < quietTurns; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (wire.answerBytes !== bytes) turns = 0;
    bytes = wire.answerBytes;
  }
}

async function playOne(app: FastifyInstance, stream: Stream): Promise<string> {
  const wire = new Wire();
  app.server.emit('connection', wire as unknown as Socket);
  for (const piece of stream) {
    if (wire.destroyed || wire.readableEnded) break;
    wire.push(piece);
    await quiet(wire);
  }
  const before = `${wire.destroyed ? 'cut' : wire.writableEnded ? 'ended' : 'open'} before the client ended`;
  if (!wire.destroyed) wire.push(null);
  await quiet(wire);
  const after = wire.destroyed ? 'closed' : wire.writableEnded ? 'ended' : 'open';
  wire.destroy();
  await quiet(wire);
  return `${settle(wire.answers)}\n[${before}; ${after} after]`;
}

const given = new Set(['6f1f54a6-0f0a-4c8e-9a3e-0d7d3cf2f0aa', 'e2c56db5-dffb-48d2-b060-d0f5a71096e0']);

/** Answers without what differs between two runs: dates, and request ids nobody gave. */
function settle(answers: string): string {
  return answers
    .replaceAll(/^Date: .*$/gm, 'Date: now')
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => (given.has(id) ? id : 'made'));
}
