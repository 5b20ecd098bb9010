import { connect } from 'node:net';
import { Connection } from './raw-client.ts';
import type { PreparedRequest } from './request.ts';

/** What became of newcomers since it was last asked. */
export interface Arrivals {
  /** Requests that found every connection taken. */
  unserved: number;
  /** Of those, how many opened one of their own, which is what costs the most. */
  knocked: number;
  /** Let in and served. */
  admitted: number;
  /** Let in and answered that there is no room. */
  refused: number;
  /** Not let in: the connection ended without an answer. */
  turnedAway: number;
}

const noArrivals = (): Arrivals => ({ unserved: 0, knocked: 0, admitted: 0, refused: 0, turnedAway: 0 });
/** What one processor can open besides making the rest of the load. */
const knocksPerSecond = 500;
const openMax = 500;

/** Those who find no connection free: as many as can be open one of their own, for one request. */
export class Newcomers {
  readonly #url: URL;
  readonly #request: () => PreparedRequest;
  readonly #open = new Set<Connection>();
  #counts = noArrivals();
  #allowance = 0;
  #allowedAt = performance.now();

  constructor(url: string, request: () => PreparedRequest) {
    this.#url = new URL(url);
    this.#request = request;
  }

  arrive(count: number): void {
    this.#counts.unserved += count;
    const now = performance.now();
    this.#allowance = Math.min(10, this.#allowance + ((now - this.#allowedAt) / 1000) * knocksPerSecond);
    this.#allowedAt = now;
    for (let left = count; left > 0 && this.#allowance >= 1 && this.#open.size < openMax; left -= 1) {
      this.#allowance -= 1;
      this.#knock();
    }
  }

  #knock(): void {
    this.#counts.knocked += 1;
    const socket = connect(Number(this.#url.port), this.#url.hostname);
    const connection = new Connection(socket, Buffer.from(this.#request().bytes), {
      answered: (status) => {
        if (status >= 200 && status < 300) this.#counts.admitted += 1;
        else this.#counts.refused += 1;
        this.#open.delete(connection);
        void connection.close();
      },
      ended: () => {
        if (this.#open.delete(connection)) this.#counts.turnedAway += 1;
      },
    });
    this.#open.add(connection);
    socket.once('connect', () => connection.send());
  }

  take(): Arrivals {
    const counts = this.#counts;
    this.#counts = noArrivals();
    return counts;
  }

  async close(): Promise<void> {
    const connections = [...this.#open];
    this.#open.clear();
    await Promise.all(connections.map((connection) => connection.close()));
  }
}
