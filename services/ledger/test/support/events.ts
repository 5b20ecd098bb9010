import { get, type IncomingMessage } from 'node:http';

/** One event, or a comment, as the HTML standard's §9.2.6 reads them. */
export type StreamEvent = { readonly event: string; readonly id?: string; readonly data: string };

/** A follower's connection: its events one by one, and a way to hang up. */
export class Events implements Disposable {
  readonly #response: IncomingMessage;
  readonly #blocks: AsyncIterator<string>;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    this.#blocks = blocksOf(response);
  }

  /** Opens a stream. The body of an answer that is none is thrown. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<Events> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    get(url, { headers, agent: false }, resolve).on('error', reject);
    const response = await promise;
    if (response.statusCode === 200) return new Events(response);
    const chunks: Uint8Array[] = await response.toArray();
    throw Object.assign(new Error('refused'), JSON.parse(Buffer.concat(chunks).toString()) as object);
  }

  get headers(): IncomingMessage['headers'] {
    return this.#response.headers;
  }

  /** The next event; a comment is one called `comment`. Undefined when the stream has ended. */
  async next(): Promise<StreamEvent | undefined> {
    const { value, done } = await this.#blocks.next();
    if (done) return undefined;
    const block: string = value;
    if (block.startsWith(':')) return { event: 'comment', data: block.slice(1).trim() };
    const fields = block.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
    });
    const of = (name: string): string[] => fields.filter(([field]) => field === name).map(([, text]) => text);
    const [id] = of('id');
    const event = of('event')[0] ?? (of('retry').length > 0 ? 'retry' : 'message');
    return { event, data: of('data').join('\n'), ...(id === undefined ? {} : { id }) };
  }

  /** The next so many events that are called so; others are passed over. */
  async take(event: string, count: number): Promise<StreamEvent[]> {
    const events: StreamEvent[] = [];
    while (events.length < count) {
      const found = await this.next();
      if (!found) throw new Error(`the stream ended after ${events.length} events`);
      if (found.event === event) events.push(found);
    }
    return events;
  }

  /** Reads nothing any more, without hanging up. */
  pause(): void {
    this.#response.pause();
  }

  [Symbol.dispose](): void {
    this.#response.destroy();
  }
}

async function* blocksOf(response: IncomingMessage): AsyncGenerator<string, undefined, undefined> {
  let rest = '';
  response.setEncoding('utf8');
  try {
    for await (const text of response as AsyncIterable<string>) {
      const blocks = (rest + text).split('\n\n');
      rest = blocks.pop() ?? '';
      yield* blocks;
    }
  } catch {
    // Cut off.
  }
  return undefined;
}
