import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { AppError, type AppErrorOptions } from '../errors.ts';
import { explainSocksReply } from './socks-replies.ts';

/** A SOCKS5 proxy: a TCP port, or a unix socket. */
export type SocksProxy = (
  | { readonly host: string; readonly port: number }
  /** Of the unix socket. */
  | { readonly path: string }
) & {
  /** Streams of one name share tor's circuits and are kept apart from all others (IsolateSOCKSAuth); 1 to 255 bytes. */
  readonly isolation?: string;
};

export interface SocksTarget {
  /** A name, resolved by the proxy and never here. */
  readonly host: string;
  readonly port: number;
}

export interface SocksOptions {
  /** For all of it, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Why there is no connection through the proxy. `SOCKS_REFUSED` carries the proxy's own `reply`; the others are
 * `SOCKS_UNREACHABLE`, `SOCKS_TIMEOUT` and `SOCKS_ANSWER_INVALID`.
 */
export class SocksError extends AppError {
  /** The reply's byte, where the proxy gave one. */
  readonly reply: number | undefined;

  constructor(code: string, detail: string, options: AppErrorOptions & { readonly reply?: number } = {}) {
    super(code, detail, { status: 503, ...options });
    this.name = 'SocksError';
    this.reply = options.reply;
  }
}

const version = 5;
const methodNone = 0;
const methodPassword = 2;

/** Reads `HOST:PORT`, `[V6]:PORT` or `unix:PATH`, each with `NAME@` before it for isolation. @throws SOCKS_ADDRESS_INVALID */
export function parseSocksProxy(text: string): SocksProxy {
  const { name, path, host, port } = addressPattern.exec(text)?.groups ?? {};
  const isolation = name === undefined ? {} : { isolation: name };
  if (path !== undefined) return { path, ...isolation };
  const number = Number(port);
  if (host !== undefined && number > 0 && number < 65_536) {
    return { host: host.replaceAll(/[[\]]/g, ''), port: number, ...isolation };
  }
  throw new AppError('SOCKS_ADDRESS_INVALID', `A SOCKS proxy is HOST:PORT or unix:PATH, not "${text}".`, {
    status: 400,
  });
}

const addressPattern =
  /^(?:(?<name>[\w.-]{1,64})@)?(?:unix:(?<path>\/.{1,100})|(?<host>[\w.-]{1,255}|\[[\da-f:.]{2,45}\]):(?<port>\d{1,5}))$/i;

/**
 * Opens a stream through a SOCKS5 proxy (RFC 1928, user and password by RFC 1929). The socket it resolves to is open,
 * paused, and nothing of the stream has been read.
 * @throws SocksError; the signal's reason when the caller gave up
 */
export async function connectThroughSocks(
  proxy: SocksProxy,
  target: SocksTarget,
  { timeoutMs, signal }: SocksOptions,
): Promise<Socket> {
  const request = encodeRequest(target);
  signal?.throwIfAborted();
  const socket = connect('path' in proxy ? { path: proxy.path } : { host: proxy.host, port: proxy.port });
  const timeout = AbortSignal.timeout(timeoutMs);
  const giveUp = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  const stop = (): void => void socket.destroy();
  giveUp.addEventListener('abort', stop, { once: true });
  // While there is no stream an error is told by the close that follows it.
  const hear = (): void => undefined;
  socket.on('error', hear);
  try {
    await opened(socket);
    using answers = new Answers(socket);
    await greet(socket, answers, proxy.isolation);
    await ask(socket, answers, request);
    socket.off('error', hear);
    return socket;
  } catch (error) {
    socket.destroy();
    if (signal?.aborted) throw signal.reason;
    if (!timeout.aborted) throw error;
    throw new SocksError('SOCKS_TIMEOUT', `There was no connection through the proxy within ${timeoutMs} ms.`, {
      status: 504,
      cause: error,
    });
  } finally {
    giveUp.removeEventListener('abort', stop);
  }
}

function encodeRequest({ host, port }: SocksTarget): Buffer {
  const name = Buffer.from(host, 'latin1');
  if (!/^[\w.:-]{1,255}$/.test(host)) throw new SocksError('SOCKS_TARGET_INVALID', 'The host is not a name.');
  if (!(Number.isInteger(port) && port > 0 && port < 65_536)) {
    throw new SocksError('SOCKS_TARGET_INVALID', 'The port is not from 1 to 65535.');
  }
  return Buffer.concat([Buffer.from([version, 1, 0, 3, name.length]), name, Buffer.from([port >> 8, port & 255])]);
}

async function opened(socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const close = (): void => reject(new SocksError('SOCKS_UNREACHABLE', 'The SOCKS proxy cannot be reached.'));
  socket.once('connect', resolve).once('close', close);
  await promise;
  socket.off('close', close);
}

async function greet(socket: Socket, answers: Answers, isolation: string | undefined): Promise<void> {
  const wanted = isolation === undefined ? methodNone : methodPassword;
  socket.write(Buffer.from([version, 1, wanted]));
  const [answered, method] = await answers.take(2);
  if (answered !== version) throw invalid('it does not speak SOCKS5');
  if (method !== wanted) throw invalid(`it wants another way to sign in (${method})`);
  if (isolation === undefined) return;
  const [name, password] = [Buffer.from('lucid'), Buffer.from(isolation)];
  assert.ok(password.length > 0 && password.length < 256, 'an isolation’s name is of 1 to 255 bytes');
  socket.write(Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([password.length]), password]));
  const [, status] = await answers.take(2);
  if (status !== 0) throw invalid('it refused the user name');
}

async function ask(socket: Socket, answers: Answers, request: Buffer): Promise<void> {
  socket.write(request);
  const [answered, reply = 1, , addressType] = await answers.take(4);
  if (answered !== version) throw invalid('its answer is not of SOCKS5');
  if (reply !== 0) {
    const { name, reason, isPassing } = explainSocksReply(reply);
    throw new SocksError('SOCKS_REFUSED', reason, { reply, status: isPassing ? 503 : 403, data: { reply: name } });
  }
  // The address the proxy is bound to is of no use; it must be read so that the stream begins behind it.
  await answers.take((await addressSize(answers, addressType)) + 2);
}

async function addressSize(answers: Answers, type: number | undefined): Promise<number> {
  if (type === 1) return 4;
  if (type === 4) return 16;
  if (type === 3) return (await answers.take(1))[0] ?? 0;
  throw invalid('its answer has an unknown kind of address');
}

function invalid(why: string): SocksError {
  return new SocksError('SOCKS_ANSWER_INVALID', `This is not the SOCKS proxy that was expected: ${why}.`, {
    status: 502,
  });
}

/** What the proxy says, piece by piece; what follows it stays in the socket. */
class Answers implements Disposable {
  readonly #socket: Socket;
  #wake: () => void = () => undefined;
  // One listener all along: adding one anew announces again what is already there.
  readonly #hear = (): void => this.#wake();

  constructor(socket: Socket) {
    this.#socket = socket;
    for (const event of heardEvents) socket.on(event, this.#hear);
  }

  /** Takes exactly `size` bytes. @throws SOCKS_UNREACHABLE when they do not come any more */
  async take(size: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.#socket.read(size) as Buffer | null;
      if (bytes?.length === size) return bytes;
      const isOver = bytes !== null || this.#socket.readableEnded || this.#socket.destroyed;
      if (isOver) throw new SocksError('SOCKS_UNREACHABLE', 'The SOCKS proxy closed the connection.');
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  [Symbol.dispose](): void {
    for (const event of heardEvents) this.#socket.off(event, this.#hear);
  }
}

const heardEvents = ['readable', 'end', 'close', 'error'] as const;
