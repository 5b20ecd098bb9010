import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { packedEntriesType } from '@lucid/common/apis/ledger-schemas';
import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { encodeEntryBundle } from '@lucid/common/formats/tiles';
import type { FollowLimits } from '@lucid/ledger/routes/follow';
import { describe, expect, test } from 'vitest';
import { openTestLedger, type TestLedger } from '../../../../test/support/ledger.ts';
import { Events } from '../support/events.ts';

const limits: FollowLimits = { followersMax: 4, clientFollowersMax: 2, heartbeatMs: 60_000, stallMs: 60_000 };

type Listening = TestLedger & { readonly url: string };

async function listen(follow: Partial<FollowLimits> = {}): Promise<Listening> {
  const ledger = await openTestLedger({ follow: { ...limits, ...follow } });
  const url = await ledger.app.listen({ host: '127.0.0.1', port: 0 });
  return { ...ledger, url };
}

async function append(ledger: TestLedger, texts: readonly string[]): Promise<void> {
  const response = await ledger.app.inject({
    method: 'POST',
    url: '/entries:batch?receipt=1',
    payload: Buffer.from(encodeEntryBundle(texts.map((text) => Buffer.from(text)))),
    headers: { authorization: `Bearer ${ledger.token}`, 'content-type': packedEntriesType },
  });
  expect(response.statusCode).toBe(201);
}

const numbered = (count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => `entry ${from + at}`);
const textOf = (data: string): string =>
  Buffer.from((JSON.parse(data) as { entry: string }).entry, 'base64').toString();

/** How many follow, by the service's own count. */
async function followers({ app }: TestLedger): Promise<number> {
  const { payload } = await app.inject('/metrics');
  return Number(/^ledger_followers\{[^}]*log="lucid"[^}]*\} (\d+)$/m.exec(payload)?.[1]);
}

describe('a follower', () => {
  test('gets every entry once and in order, and the checkpoint over them, as they are published', async () => {
    await using ledger = await listen();
    await append(ledger, numbered(600));
    using events = await Events.open(`${ledger.url}/follow?from=0`);
    expect(events.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const old = await events.take('entry', 600);
    expect(old.map(({ id }) => Number(id))).toEqual(Array.from({ length: 600 }, (_, at) => at));
    expect(old.map(({ data }) => textOf(data))).toEqual(numbered(600));
    const verifiers = [parseVerifierKey(ledger.key.verifierKey)];
    const first = await openCheckpoint((await events.next())?.data ?? '', verifiers);
    expect(first.treeSize).toBe(600);
    await append(ledger, numbered(3, 600));
    expect((await events.take('entry', 3)).map(({ data }) => textOf(data))).toEqual(numbered(3, 600));
    expect((await openCheckpoint((await events.next())?.data ?? '', verifiers)).treeSize).toBe(603);
  });

  test('begins with what is published later unless it says where', async () => {
    await using ledger = await listen();
    await append(ledger, numbered(5));
    using events = await Events.open(`${ledger.url}/follow`);
    // The checkpoint it starts from comes at once.
    expect((await events.take('checkpoint', 1))[0]?.data).toContain('\n5\n');
    await append(ledger, ['new']);
    expect((await events.next())?.id).toBe('5');
  });

  test('goes on after the last one it got, whatever its address says', async () => {
    await using ledger = await listen();
    await append(ledger, numbered(10));
    using events = await Events.open(`${ledger.url}/follow?from=2`, { 'last-event-id': '6' });
    expect((await events.take('entry', 3)).map(({ id }) => id)).toEqual(['7', '8', '9']);
  });

  test('follows a log by its name as well', async () => {
    await using ledger = await listen();
    await append(ledger, ['x']);
    using events = await Events.open(`${ledger.url}/logs/lucid/follow?from=0`);
    expect((await events.take('entry', 1))[0]?.id).toBe('0');
  });

  test('hears that there is nothing to hear', async () => {
    await using ledger = await listen({ heartbeatMs: 10 });
    using events = await Events.open(`${ledger.url}/follow`);
    expect(await events.take('comment', 3)).toHaveLength(3);
  });

  test.each<[string, string, Record<string, string>, string]>([
    ['past the end', '?from=1', {}, 'LEDGER_RANGE_INVALID'],
    ['after an entry that is not there', '', { 'last-event-id': '0' }, 'LEDGER_RANGE_INVALID'],
    ['from a word', '?from=now', {}, 'REQUEST_INVALID'],
    ['after a word', '', { 'last-event-id': 'x' }, 'REQUEST_INVALID'],
    ['in another language', '?since=0', {}, 'REQUEST_INVALID'],
  ])('%s is refused', async (_name, query, headers, code) => {
    await using ledger = await listen();
    await expect(Events.open(`${ledger.url}/follow${query}`, headers)).rejects.toMatchObject({ status: 400, code });
    expect(await followers(ledger)).toBe(0);
  });

  test('is told of its head alone by HEAD', async () => {
    await using ledger = await listen();
    const response = await fetch(`${ledger.url}/follow`, { method: 'HEAD' });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(await followers(ledger)).toBe(0);
  });
});

describe('places', () => {
  test('no address takes all: others, and who has a token, still get in', async () => {
    await using ledger = await listen();
    using _first = await Events.open(`${ledger.url}/follow`);
    using _second = await Events.open(`${ledger.url}/follow`);
    await expect(Events.open(`${ledger.url}/follow`)).rejects.toMatchObject({
      status: 429,
      code: 'LEDGER_FOLLOWER_LIMIT',
    });
    const authorization = `Bearer ${ledger.token}`;
    using _third = await Events.open(`${ledger.url}/follow`, { authorization });
    using _fourth = await Events.open(`${ledger.url}/follow`, { authorization });
    await expect(Events.open(`${ledger.url}/follow`, { authorization })).rejects.toMatchObject({ status: 429 });
    const another = `Bearer ${await ledger.identity.userToken({ roles: ['user'] })}`;
    await expect(Events.open(`${ledger.url}/follow`, { authorization: another })).rejects.toMatchObject({
      status: 503,
      code: 'LEDGER_FOLLOWERS_FULL',
    });
    expect(await followers(ledger)).toBe(4);
  });

  test('are given back when a client hangs up, also before it was told anything', async () => {
    await using ledger = await listen({ followersMax: 1, clientFollowersMax: 1 });
    for (let round = 0; round < 20; round += 1) {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(ledger.url).port) });
      socket.write('GET /follow HTTP/1.1\r\nHost: ledger\r\n\r\n');
      if (round % 2 === 0) await once(socket, 'data');
      else await once(socket, 'connect');
      socket.resetAndDestroy();
    }
    await expect.poll(() => followers(ledger)).toBe(0);
    using events = await Events.open(`${ledger.url}/follow`);
    expect((await events.take('checkpoint', 1))[0]?.data).toContain('\n0\n');
  });
});

describe('a client that takes nothing', () => {
  test('holds a small piece of what it is told, not a whole read of large entries', async () => {
    await using ledger = await listen();
    const sockets: Socket[] = [];
    ledger.app.server.on('connection', (socket: Socket) => void sockets.push(socket));
    const large = Array.from({ length: 1000 }, () => 'x'.repeat(4096));
    for (let round = 0; round < 4; round += 1) await append(ledger, large);
    using events = await Events.open(`${ledger.url}/follow?from=0`);
    events.pause();
    // What the kernel takes is full when the same is left to be written again and again.
    let [held, sameCount] = [0, 0];
    await expect
      .poll(() => {
        const now = sockets.at(-1)?.writableLength ?? 0;
        sameCount = now > 0 && now === held ? sameCount + 1 : 0;
        held = now;
        return sameCount;
      })
      .toBeGreaterThan(3);
    expect(held).toBeLessThan(80 * 1024);
  });
});

describe('a stream ends', () => {
  test('when its client takes nothing of what it is told', async () => {
    await using ledger = await listen({ stallMs: 20 });
    const large = Array.from({ length: 1000 }, () => 'x'.repeat(4096));
    for (let round = 0; round < 4; round += 1) await append(ledger, large);
    using events = await Events.open(`${ledger.url}/follow?from=0`);
    events.pause();
    await expect.poll(() => followers(ledger)).toBe(0);
  });

  test('when the service closes, without a wait for the client', async () => {
    const ledger = await listen();
    using events = await Events.open(`${ledger.url}/follow`);
    await events.take('checkpoint', 1);
    await ledger[Symbol.asyncDispose]();
    expect(await events.next()).toBeUndefined();
  });
});
