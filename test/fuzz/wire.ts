import { Duplex } from 'node:stream';

/**
 * The server's end of a connection in memory: what a client would have sent is pushed in piece by piece, what it would
 * have been sent is kept. It does what the servers ask of a socket.
 */
export class Wire extends Duplex {
  readonly remoteAddress = '192.0.2.1';
  readonly #answers: Buffer[] = [];

  constructor() {
    super({ allowHalfOpen: true });
    this.on('error', () => undefined);
  }

  override _read(): void {}

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    this.#answers.push(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    done();
  }

  setTimeout(): this {
    return this;
  }

  /** As `net.Socket`. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  get answerBytes(): number {
    return this.#answers.reduce((sum, { length }) => sum + length, 0);
  }

  get answers(): string {
    return Buffer.concat(this.#answers).toString('latin1');
  }
}
