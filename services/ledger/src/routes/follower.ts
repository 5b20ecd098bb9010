import type { ServerResponse } from 'node:http';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';
import type { Log, PublishedCheckpoint } from '../domain/log.ts';
import { entryView } from './entry-view.ts';

/** Reads entries [first, end) of one bundle. */
export type ReadEntries = (first: number, end: number) => Promise<readonly Uint8Array[]>;

/** How a follower is told of things, and how long it may take. */
export type FollowTimes = {
  /** A comment goes out when there was nothing to say for so long, ms. */
  readonly heartbeatMs: number;
  /** A client that takes nothing for so long is cut off, ms. */
  readonly stallMs: number;
};

/** Written at once, characters, give or take an event: whoever takes less within the stall takes next to nothing. */
const piece = 64 * 1024;

/**
 * One client that follows a log over server-sent events (HTML standard §9.2). It holds at most the entries of one bundle:
 * the next ones are read when the client has taken these.
 */
export class Follower {
  readonly #out: ServerResponse;
  readonly #log: Log;
  readonly #read: ReadEntries;
  readonly #times: FollowTimes;
  readonly #closed = Promise.withResolvers<void>();
  #next: number;
  #shown: PublishedCheckpoint | undefined;
  #wake = Promise.withResolvers<void>();
  #isOver = false;

  constructor(out: ServerResponse, log: Log, read: ReadEntries, from: number, times: FollowTimes) {
    this.#out = out;
    this.#log = log;
    this.#read = read;
    this.#next = from;
    this.#times = times;
    out.once('close', () => this.end());
    // Of a client that is gone 'close' tells all there is to know.
    out.on('error', () => undefined);
  }

  /** A checkpoint was published. */
  wake(): void {
    this.#wake.resolve();
  }

  /** Ends the stream; the client may come again with the id of the last entry it got. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#closed.resolve();
    this.#wake.resolve();
    if (!this.#out.destroyed) this.#out.end();
  }

  /** Resolves when the client has gone, was cut off, or the log has stopped; never rejects. */
  async run(): Promise<void> {
    try {
      await this.#write('retry: 2000\n\n');
      while (!this.#isOver) {
        this.#wake = Promise.withResolvers<void>();
        const { published } = this.#log;
        if (this.#next < published.treeSize) await this.#sendEntries(published.treeSize);
        else if (this.#shown !== published) await this.#sendCheckpoint(published);
        else await this.#wait();
      }
    } catch {
      // What cannot be read now can be when the client comes again.
      this.#out.destroy();
    }
    this.end();
  }

  async #sendEntries(end: number): Promise<void> {
    const first = this.#next;
    const bundleEnd = (Math.floor(first / TILE_WIDTH) + 1) * TILE_WIDTH;
    const entries = await this.#read(first, Math.min(end, bundleEnd));
    this.#next += entries.length;
    let events = '';
    for (const [offset, entry] of entries.entries()) {
      const leafIndex = first + offset;
      events += `event: entry\nid: ${leafIndex}\ndata: ${JSON.stringify(entryView(leafIndex, entry))}\n\n`;
      if (events.length < piece && offset + 1 < entries.length) continue;
      await this.#write(events);
      events = '';
    }
  }

  /** Sent once every entry it covers was: what follows it in the stream is after it in the log. */
  async #sendCheckpoint(checkpoint: PublishedCheckpoint): Promise<void> {
    this.#shown = checkpoint;
    const lines = checkpoint.note.split('\n').map((line) => `data: ${line}\n`);
    await this.#write(`event: checkpoint\n${lines.join('')}\n`);
  }

  async #wait(): Promise<void> {
    const { promise: silence, resolve } = Promise.withResolvers<'silence'>();
    const timer = setTimeout(() => resolve('silence'), this.#times.heartbeatMs);
    try {
      const what = await Promise.race([this.#wake.promise, silence]);
      if (what === 'silence' && !this.#isOver) await this.#write(': nothing new\n\n');
    } finally {
      clearTimeout(timer);
    }
  }

  /** Writes, and waits until the client takes more; one that does not in time is cut off. */
  async #write(text: string): Promise<void> {
    if (this.#isOver || this.#out.destroyed || this.#out.write(text)) return;
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#out.destroy(), this.#times.stallMs);
    this.#out.once('drain', resolve);
    try {
      await Promise.race([drained, this.#closed.promise]);
    } finally {
      clearTimeout(timer);
      this.#out.off('drain', resolve);
    }
  }
}
