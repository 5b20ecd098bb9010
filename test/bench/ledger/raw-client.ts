import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { PreparedRequest } from './request.ts';

/** What came back since it was last asked. */
export interface Tally {
  readonly admittedMs: readonly number[];
  readonly refused: number;
  /** Refusals that do not say when to come back. */
  readonly refusedWithoutRetryAfter: number;
  /** Connections that ended, or answers that are neither. */
  readonly broken: number;
  readonly sent: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Counts = Mutable<Omit<Tally, 'admittedMs'>> & { admittedMs: number[] };

const noCounts = (): Counts => ({ admittedMs: [], refused: 0, refusedWithoutRetryAfter: 0, broken: 0, sent: 0 });

/**
 * A client that costs as little as Node allows: one prepared request, keep-alive connections with one request each in
 * flight, answers looked at for no more than their status, their length and Retry-After.
 */
export class RawClient implements AsyncDisposable {
  readonly #request: PreparedRequest;
  readonly #url: URL;
  /** Those that wait for nothing, longest idle first, from `#idleFrom` on. */
  #idle: Connection[] = [];
  #idleFrom = 0;
  readonly #all = new Set<Connection>();
  #counts = noCounts();
  #number = Date.now() % 1e8;
  #isClosedLoop = false;
  #authorization: string | undefined;

  private constructor(url: string, request: PreparedRequest) {
    this.#url = new URL(url);
    this.#request = request;
  }

  static async connect(url: string, request: PreparedRequest, connections: number): Promise<RawClient> {
    const client = new RawClient(url, request);
    for (let count = 0; count < connections; count += 1) await client.#open();
    return client;
  }

  async #open(): Promise<void> {
    const socket = connect(Number(this.#url.port), this.#url.hostname);
    await once(socket, 'connect');
    socket.setNoDelay(true);
    const connection = new Connection(socket, Buffer.from(this.#request.bytes), {
      answered: (status, hasRetryAfter, ms) => this.#answered(connection, status, hasRetryAfter, ms),
      ended: () => this.#ended(connection),
    });
    this.#all.add(connection);
    this.#idle.push(connection);
  }

  get idleCount(): number {
    return this.#idle.length - this.#idleFrom;
  }

  /** Later requests carry this token, which must be as long as the one before. */
  renewToken(request: PreparedRequest): void {
    this.#authorization = request.bytes.toString('latin1').match(/authorization: Bearer [^\r]+/)?.[0];
  }

  /** Sends up to `count` requests on connections that wait for none; answers how many. */
  send(count: number): number {
    let sent = 0;
    for (; sent < count; sent += 1) {
      const connection = this.#idle[this.#idleFrom];
      if (connection === undefined) break;
      this.#idleFrom += 1;
      this.#sendOn(connection);
    }
    if (this.#idleFrom > 4096) {
      this.#idle = this.#idle.slice(this.#idleFrom);
      this.#idleFrom = 0;
    }
    return sent;
  }

  #sendOn(connection: Connection): void {
    const { firstNumber, stride, numberCount } = this.#request;
    const digits = String(++this.#number % 1e8).padStart(8, '0');
    for (let entry = 0; entry < numberCount; entry += 1) {
      connection.bytes.write(digits, firstNumber + entry * stride, 'latin1');
    }
    if (this.#authorization !== undefined && connection.authorization !== this.#authorization) {
      connection.bytes.write(this.#authorization, connection.bytes.indexOf('authorization: '), 'latin1');
      connection.authorization = this.#authorization;
    }
    this.#counts.sent += 1;
    connection.send();
  }

  #answered(connection: Connection, status: number, hasRetryAfter: boolean, ms: number): void {
    const counts = this.#counts;
    if (status >= 200 && status < 300) counts.admittedMs.push(ms);
    else if (status === 503 || status === 429) {
      counts.refused += 1;
      if (!hasRetryAfter) counts.refusedWithoutRetryAfter += 1;
    } else counts.broken += 1;
    if (this.#isClosedLoop) this.#sendOn(connection);
    else this.#idle.push(connection);
  }

  #ended(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    this.#counts.broken += 1;
    this.#idle = this.#idle.slice(this.#idleFrom).filter((other) => other !== connection);
    this.#idleFrom = 0;
    this.#open().catch(() => undefined);
  }

  async runClosedLoop(seconds: number): Promise<void> {
    this.#isClosedLoop = true;
    this.send(this.#all.size);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    this.#isClosedLoop = false;
  }

  take(): Tally {
    const counts = this.#counts;
    this.#counts = noCounts();
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connections = [...this.#all];
    this.#all.clear();
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

interface Listener {
  readonly answered: (status: number, hasRetryAfter: boolean, ms: number) => void;
  readonly ended: () => void;
}

/** One request at a time over one socket. */
export class Connection {
  readonly bytes: Buffer;
  readonly #socket: Socket;
  readonly #listener: Listener;
  authorization: string | undefined;
  #sentAt = 0;
  #answer = '';

  constructor(socket: Socket, bytes: Buffer, listener: Listener) {
    this.#socket = socket;
    this.bytes = bytes;
    this.#listener = listener;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#take(text));
    socket.on('error', () => undefined);
    socket.on('close', () => listener.ended());
  }

  send(): void {
    this.#sentAt = performance.now();
    this.#socket.write(this.bytes);
  }

  #take(text: string): void {
    const answer = this.#answer === '' ? text : this.#answer + text;
    const head = answer.indexOf('\r\n\r\n');
    const length = head < 0 ? undefined : /\r\ncontent-length: ([0-9]+)/i.exec(answer.slice(0, head + 2));
    if (!length || answer.length < head + 4 + Number(length[1])) {
      this.#answer = answer;
      return;
    }
    this.#answer = '';
    const status = Number(answer.slice(9, 12));
    const hasRetryAfter = status >= 400 && /\r\nretry-after: [0-9]+\r\n/i.test(answer.slice(0, head + 2));
    this.#listener.answered(status, hasRetryAfter, performance.now() - this.#sentAt);
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }
}
