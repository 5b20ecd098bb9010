import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TorProcess } from './process.ts';
import { type ClientNode, clientTorrc, controlSocketOf, cookieFileOf, socksSocketOf } from './torrc.ts';

/** A tor that uses the private network; its folder, address and ports stay the same over restarts. */
export class TorClient {
  readonly #node: ClientNode;
  readonly #torrc: string;
  readonly #namespace: string | undefined;
  #process: TorProcess;

  private constructor(node: ClientNode, torrc: string, namespace: string | undefined) {
    this.#node = node;
    this.#torrc = torrc;
    this.#namespace = namespace;
    this.#process = TorProcess.start(torrc, namespace);
  }

  static async start(
    node: ClientNode,
    authorities: readonly string[],
    namespace: string | undefined,
  ): Promise<TorClient> {
    const torrc = join(node.folder, 'torrc');
    await writeFile(torrc, clientTorrc(node, authorities));
    return new TorClient(node, torrc, namespace);
  }

  /** Path of the control socket; it asks for the cookie (SAFECOOKIE). */
  get controlSocket(): string {
    return controlSocketOf(this.#node);
  }

  get cookieFile(): string {
    return cookieFileOf(this.#node);
  }

  /** Where SOCKS5 is spoken: a circuit of its own for each user name, tor's own codes for what went wrong. */
  get socks(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: this.#node.socksPort };
  }

  /** The same as a unix socket. */
  get socksSocket(): string {
    return socksSocketOf(this.#node);
  }

  /** Prometheus' text. */
  get metricsUrl(): string {
    return `http://127.0.0.1:${this.#node.metricsPort}/metrics`;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  async bootstrapped(timeoutMs: number): Promise<void> {
    await this.#process.bootstrapped(timeoutMs);
  }

  /** Ends tor, by default as a crash does; what it knew only in memory is gone. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#process.stop(signal);
  }

  /** Starts a stopped tor again and waits until it can build circuits. */
  async restart(timeoutMs = 60_000): Promise<void> {
    this.#process = TorProcess.start(this.#torrc, this.#namespace);
    await this.#process.bootstrapped(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop('SIGINT');
  }
}
