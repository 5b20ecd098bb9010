import { connect, type Socket } from 'node:net';
import { AppError } from '@lucid/common/errors';
import { tunnelError } from '../../errors.ts';
import { type Reply, ReplyParser } from './reply-parser.ts';

export interface ConnectionOptions {
  /** tor's control socket. */
  readonly path: string;
  /** Time for connecting, and for each reply, ms. A reply that is late ends the connection: order is all there is. */
  readonly timeoutMs: number;
  readonly onEvent: (event: Reply) => void;
  readonly onClose: (reason: Error) => void;
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

const waitingMax = 256;

/** tor refused a command: its status and text (control-spec §4). */
export class TorRefusal extends Error {
  readonly status: number;

  constructor({ status, lines }: Reply) {
    super(`${status} ${lines.map(({ text }) => text).join('; ')}`);
    this.name = 'TorRefusal';
    this.status = status;
  }
}

/** One connection to tor's control socket: commands in order, each with its reply; events between them. */
export class ControlConnection implements AsyncDisposable {
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #parser = new ReplyParser();
  readonly #waiting: Waiting[] = [];
  #failure: Error | undefined;

  private constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setEncoding('latin1');
    socket.on('data', (piece: unknown) => this.#receive(String(piece)));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('tor closed the connection')));
  }

  /** @throws TOR_UNAVAILABLE */
  static async open(options: ConnectionOptions): Promise<ControlConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect(options.path);
    const timer = setTimeout(() => reject(new Error(`no connection in ${options.timeoutMs} ms`)), options.timeoutMs);
    socket.once('connect', resolve).once('error', reject);
    try {
      await promise;
    } catch (cause) {
      socket.destroy();
      throw tunnelError('TOR_UNAVAILABLE', `${options.path}: ${cause instanceof Error ? cause.message : ''}`, {
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
    return new ControlConnection(socket, options);
  }

  /**
   * Sends one command and waits for its reply.
   * @throws TorRefusal for what tor refuses, TOR_COMMAND_MALFORMED for what is not one line, TOR_UNAVAILABLE otherwise
   */
  async send(command: string): Promise<Reply> {
    if (!/^[\x20-\x7e]+$/.test(command)) {
      throw new AppError('TOR_COMMAND_MALFORMED', 'A command to tor is one line of printable ASCII');
    }
    if (this.#failure) throw unavailable(this.#failure);
    if (this.#waiting.length >= waitingMax) throw tunnelError('TOR_UNAVAILABLE', 'Too many commands wait for tor.');
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const { timeoutMs } = this.#options;
    const timer = setTimeout(() => this.#end(new Error(`tor did not answer in ${timeoutMs} ms`)), timeoutMs);
    this.#waiting.push({ resolve, reject, timer });
    this.#socket.write(`${command}\r\n`, 'latin1');
    return await promise;
  }

  #receive(piece: string): void {
    try {
      for (const reply of this.#parser.push(piece)) this.#take(reply);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  #take(reply: Reply): void {
    if (reply.status >= 600) return this.#options.onEvent(reply);
    const waiting = this.#waiting.shift();
    if (!waiting) return this.#end(new Error('tor answered what nobody asked'));
    clearTimeout(waiting.timer);
    if (reply.status < 300) waiting.resolve(reply);
    else waiting.reject(new TorRefusal(reply));
  }

  /** Ends the connection, once; everybody who waits is told why. */
  #end(reason: Error): void {
    if (this.#failure) return;
    this.#failure = reason;
    this.#socket.destroy();
    for (const { timer, reject } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      reject(unavailable(reason));
    }
    this.#options.onClose(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new Error('the connection was closed'));
  }
}

function unavailable(cause: Error): AppError {
  return tunnelError('TOR_UNAVAILABLE', `tor's control connection: ${cause.message}.`, { cause, retryAfterSec: 2 });
}
