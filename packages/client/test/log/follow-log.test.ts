import { utf8 } from '@lucid/common/formats/bytes';
import { describe, expect, test, vi } from 'vitest';
import { type CheckpointFeed, pollCheckpoints, streamCheckpoints } from '../../src/log/checkpoint-feed.ts';
import { parseEvents, type ServerSentEvent } from '../../src/log/event-stream.ts';
import { type FollowedCheckpoint, type FollowLogOptions, followLog } from '../../src/log/follow-log.ts';
import { createStaticLog, type StaticLog, sourceOf, testEntries } from './static-log.ts';

const entries = testEntries(1300);
const logOf = (count: number) => createStaticLog(entries.slice(0, count));
const never = new AbortController().signal;

async function* ofNotes(...notes: readonly string[]): AsyncGenerator<string> {
  yield* notes;
}

async function follow(log: StaticLog, notes: readonly string[], options: Partial<FollowLogOptions> = {}) {
  const { source, policy } = log;
  const seen: [number, number | undefined][] = [];
  const feed: CheckpointFeed = () => ofNotes(...notes);
  for await (const { checkpoint, containedSize } of followLog({ source, policy, feed, signal: never, ...options })) {
    seen.push([checkpoint.treeSize, containedSize]);
  }
  return seen;
}

describe('following a log', () => {
  test('proves that each checkpoint appends to the one before', async () => {
    const sizes = [0, 1, 255, 256, 700, 1300];
    const logs = await Promise.all(sizes.map(logOf));
    const last = logs.at(-1) as StaticLog;
    const files = new Map(logs.flatMap((log) => [...log.files]));
    const seen = await follow(
      { ...last, source: sourceOf(files) },
      logs.map(({ checkpoint }) => checkpoint),
    );
    expect(seen).toEqual(sizes.map((size, at) => [size, sizes[at - 1]]));
  });

  test('goes on from the checkpoint that was kept, and passes over what is not new', async () => {
    const [small, large] = [await logOf(700), await logOf(1300)];
    const earlier = small.checkpoint;
    const notes = [small.checkpoint, large.checkpoint, small.checkpoint, large.checkpoint];
    expect(await follow(large, notes, { earlier })).toEqual([[1300, 700]]);
  });

  test.each([
    [1300, 'LOG_FORKED'],
    [1299, 'LOG_FORKED'],
    [700, 'LOG_FORKED'],
  ])('stops at a checkpoint of %i entries of another history', async (size, code) => {
    const [log, other] = [await logOf(1300), await createStaticLog(testEntries(size, 'other'))];
    await expect(follow(log, [log.checkpoint, other.checkpoint])).rejects.toMatchObject({ code });
    await expect(follow(log, [other.checkpoint, log.checkpoint])).rejects.toMatchObject({ code });
  });

  test.each(['tile/0/000', 'tile/0/002', 'tile/0/005.p/20', 'tile/1/000.p/5'])(
    'calls no log forked for a %s that is not its own',
    async (path) => {
      const [small, log] = [await logOf(700), await logOf(1300)];
      const files = new Map(log.files);
      files.set(path, new Uint8Array(log.files.get(path)?.length ?? 0));
      const following = follow({ ...log, source: sourceOf(files) }, [log.checkpoint], { earlier: small.checkpoint });
      // Those of a proof are held against the signed root; others are not read.
      if (path === 'tile/0/000') expect(await following).toEqual([[1300, 700]]);
      else await expect(following).rejects.toMatchObject({ code: 'LOG_ROOT_MISMATCH' });
    },
  );

  test('stops at a checkpoint that nobody signed, or another log', async () => {
    const [log, other] = [await logOf(300), await createStaticLog(entries, { seed: 2 })];
    await expect(follow(log, [other.checkpoint])).rejects.toMatchObject({ code: 'NOTE_UNVERIFIED' });
  });
});

describe('the event stream', () => {
  const text =
    ': hello\n\nevent: entry\nid: 1\ndata: {}\n\nevent: checkpoint\r\ndata: a\r\ndata:b\r\ndata: \r\n\r\ndata:  x\r\rid: 3\n\n';

  async function parse(chunks: readonly Uint8Array[]) {
    const events: (ServerSentEvent | undefined)[] = [];
    const stream = async function* () {
      yield* chunks;
    };
    for await (const event of parseEvents(stream())) if (event) events.push(event);
    return events;
  }

  test('is read the same wherever it is cut', async () => {
    const bytes = utf8(text);
    const whole = await parse([bytes]);
    expect(whole).toEqual([
      { type: 'entry', data: '{}' },
      { type: 'checkpoint', data: 'a\nb\n' },
      { type: 'message', data: ' x' },
    ]);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      expect(await parse([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole);
    }
    expect(await parse(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  test('of an event without end is given up', async () => {
    const line = utf8(`data: ${'x'.repeat(1 << 20)}\n`);
    await expect(parse([line, line, line])).rejects.toThrow(RangeError);
    const empty = Array.from({ length: 400 }, () => utf8('data:\n'.repeat(1000)));
    await expect(parse(empty)).rejects.toThrow(RangeError);
    await expect(parse(Array.from({ length: 3 }, () => utf8('x'.repeat(1 << 20))))).rejects.toThrow(RangeError);
  });

  test('costs no more for being sent a byte at a time', async () => {
    let looked = 0;
    const split = String.prototype.split;
    using _spy = vi.spyOn(String.prototype, 'split').mockImplementation(function (this: string, ...args: unknown[]) {
      looked += this.length;
      return Reflect.apply(split, this, args) as string[];
    });
    const bytes = utf8(`data: ${'x'.repeat(20_000)}\n\n`);
    expect(await parse(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toHaveLength(1);
    expect(looked).toBeLessThan(2 * bytes.length);
  });
});

describe('the feeds', () => {
  const events = (...notes: readonly string[]) =>
    notes.map((note) => `event: checkpoint\n${note.replaceAll(/^/gmu, 'data: ')}\n\n`).join('');
  const stream = (body: string) => new Response(body, { headers: { 'content-type': 'text/event-stream' } });

  async function take(feed: CheckpointFeed, count: number, onAway: Error[] = []) {
    const stop = new AbortController();
    const notes: string[] = [];
    for await (const note of feed(stop.signal)) {
      notes.push(typeof note === 'string' ? note : new TextDecoder().decode(note));
      if (notes.length === count) break;
    }
    return { notes, onAway };
  }

  test('a stream is joined again after every way it can break', async () => {
    const answers: (() => Response)[] = [
      () => stream(events('a')),
      () => new Response('busy', { status: 503 }),
      () => stream(`${events('b')}data: cut off in the mid`),
      () => {
        throw new TypeError('fetch failed');
      },
      () => stream(events('c', 'd')),
    ];
    const away: string[] = [];
    let calls = 0;
    const get: typeof fetch = async () => (answers[calls++] as () => Response)();
    const http = { url: 'http://log.test/', fetch: get };
    const feed = streamCheckpoints(http, { retryBaseMs: 1, onAway: ({ message }) => void away.push(message) });
    expect((await take(feed, 4)).notes).toEqual(['a', 'b', 'c', 'd']);
    expect([calls, away]).toEqual([5, [expect.stringContaining('503'), expect.stringContaining('broke off')]]);
  });

  test('a log without a stream is looked at again and again', async () => {
    const asked: string[] = [];
    let size = 0;
    const get: typeof fetch = async (input) => {
      const path = new URL(String(input)).pathname;
      asked.push(path);
      if (path === '/follow') return new Response('no such thing', { status: 404 });
      size += 1;
      return new Response(`checkpoint ${size >> 1}`);
    };
    const feed = streamCheckpoints({ url: 'http://log.test', fetch: get }, { pollMs: 1 });
    expect((await take(feed, 3)).notes).toEqual(['checkpoint 0', 'checkpoint 1', 'checkpoint 2']);
    expect(asked.filter((path) => path === '/follow')).toHaveLength(1);
  });

  test('a refusal for good ends it, and so does the signal, by its reason', async () => {
    const source = sourceOf(new Map());
    await expect(take(pollCheckpoints(source), 1)).rejects.toMatchObject({ code: 'LOG_FILE_MISSING' });
    const { source: there, policy } = await logOf(3);
    const stop = new AbortController();
    const seen: FollowedCheckpoint[] = [];
    const running = async () => {
      for await (const followed of followLog({
        source: there,
        policy,
        feed: pollCheckpoints(there),
        signal: stop.signal,
      })) {
        seen.push(followed);
        stop.abort(new Error('enough'));
      }
    };
    await expect(running()).rejects.toThrow('enough');
    expect(seen).toHaveLength(1);
  });
});
