import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { AppError } from '@lucid/common/errors';
import { verifyReachable } from '@lucid/common/http/onion-guard';
import { connectThroughSocks, type SocksProxy } from '@lucid/common/http/socks';

export type WitnessAnswer = {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfterSec: number | undefined;
  readonly text: string;
};

/**
 * Sends one POST and answers with what came back, whatever its status. Throws WITNESS_UNREACHABLE when nothing whole
 * did, ONION_NEEDS_SOCKS for an onion address without a proxy; rejects as the signal says.
 */
export type PostToWitness = (url: string, body: string, signal: AbortSignal) => Promise<WitnessAnswer>;

export type TransportOptions = {
  /** Through which onion addresses are reached; others are asked directly. */
  readonly socks?: SocksProxy;
  /** For the proxy to make a connection, ms. */
  readonly socksTimeoutMs: number;
  readonly answerBytesMax: number;
};

/** Connections to witnesses, kept alive between checkpoints as the protocol asks. */
export class WitnessTransport implements Disposable {
  readonly #options: TransportOptions;
  readonly #direct = [new HttpAgent({ keepAlive: true }), new HttpsAgent({ keepAlive: true })] as const;
  readonly #onion: readonly [HttpAgent, HttpsAgent] | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    const { socks, socksTimeoutMs } = options;
    if (socks) this.#onion = [new SocksAgent(socks, socksTimeoutMs), new SocksHttpsAgent(socks, socksTimeoutMs)];
  }

  readonly post: PostToWitness = (url, body, signal) => {
    const target = new URL(url);
    const isOnion = target.hostname.endsWith('.onion');
    const agents = isOnion ? this.#onion : this.#direct;
    if (!agents) verifyReachable(url, undefined);
    const isSecure = target.protocol === 'https:';
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(body) };
    const agent = isSecure ? agents?.[1] : agents?.[0];
    const options: RequestOptions = { method: 'POST', headers, signal, ...(agent ? { agent } : {}) };
    return this.#exchange(() => (isSecure ? requestHttps : requestHttp)(target, options), body, signal);
  };

  async #exchange(
    open: () => ReturnType<typeof requestHttp>,
    body: string,
    signal: AbortSignal,
  ): Promise<WitnessAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<WitnessAnswer>();
    const fail = (cause: unknown): void =>
      reject(signal.aborted ? signal.reason : unreachable('The witness did not answer', cause));
    try {
      const request = open();
      request.on('error', fail);
      request.on('response', (response) => {
        readAnswer(response, this.#options.answerBytesMax).then(resolve, fail);
      });
      request.end(body);
    } catch (error) {
      fail(error);
    }
    return promise;
  }

  [Symbol.dispose](): void {
    for (const agent of [...this.#direct, ...(this.#onion ?? [])]) agent.destroy();
  }
}

async function readAnswer(response: IncomingMessage, bytesMax: number): Promise<WitnessAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw unreachable(`The witness answered more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  const retryAfter = Number(response.headers['retry-after']);
  return {
    status: response.statusCode ?? 0,
    contentType: (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
    retryAfterSec: Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : undefined,
    text: Buffer.concat(chunks).toString('utf8'),
  };
}

function unreachable(detail: string, cause?: unknown): AppError {
  return new AppError('WITNESS_UNREACHABLE', detail, cause === undefined ? {} : { cause });
}

type Opened = (error: Error | null, socket: Duplex) => void;
type Target = { readonly host?: string | null; readonly port?: number | string | null };

/** Names are resolved by the proxy, never here. */
class SocksAgent extends HttpAgent {
  readonly #open: (target: Target) => Promise<Duplex>;

  constructor(proxy: SocksProxy, timeoutMs: number) {
    super({ keepAlive: true });
    this.#open = (target) => openThrough(proxy, target, timeoutMs, 80);
  }

  override createConnection(target: Target, done: Opened): undefined {
    this.#open(target).then(
      (socket) => done(null, socket),
      (error: Error) => done(error, undefined as unknown as Duplex),
    );
  }
}

class SocksHttpsAgent extends HttpsAgent {
  readonly #open: (target: Target) => Promise<Duplex>;

  constructor(proxy: SocksProxy, timeoutMs: number) {
    super({ keepAlive: true });
    this.#open = (target) => openThrough(proxy, target, timeoutMs, 443);
  }

  override createConnection(target: Target, done: Opened): undefined {
    this.#open(target).then(
      (socket) => done(null, connectTls({ socket, servername: target.host ?? '' })),
      (error: Error) => done(error, undefined as unknown as Duplex),
    );
  }
}

function openThrough(
  proxy: SocksProxy,
  { host, port }: Target,
  timeoutMs: number,
  portDefault: number,
): Promise<Duplex> {
  return connectThroughSocks(proxy, { host: host ?? '', port: Number(port ?? portDefault) }, { timeoutMs });
}
