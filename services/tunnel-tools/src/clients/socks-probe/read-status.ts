import type { Socket } from 'node:net';
import { AppError } from '@lucid/common/errors';

export interface StatusRequest {
  readonly host: string;
  readonly path: string;
  /** Destroys the socket. */
  readonly signal: AbortSignal;
}

/** A status line is shorter than this, bytes. */
const lineBytesMax = 1024;

/**
 * Asks for `path` and reads the answer's status line; an answer below 500 is one. The socket is of no use afterwards.
 * @throws HTTP_NO_ANSWER, HTTP_ANSWER_INVALID, HTTP_500 and so on
 */
export async function readStatus(socket: Socket, { host, path, signal }: StatusRequest): Promise<number> {
  const stop = (): void => void socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  socket.on('error', () => undefined);
  try {
    signal.throwIfAborted();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: lucid-visit\r\nConnection: close\r\n\r\n`);
    const status = parseStatus(await readLine(socket));
    if (status < 500) return status;
    throw new AppError(`HTTP_${status}`, `The service behind the onion address answered ${status}.`, { status: 502 });
  } finally {
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}

async function readLine(socket: Socket): Promise<string> {
  let text = '';
  for await (const part of socket as AsyncIterable<Buffer>) {
    text += part.toString('latin1');
    const end = text.indexOf('\r\n');
    if (end >= 0) return text.slice(0, end);
    if (text.length > lineBytesMax) break;
  }
  if (text === '')
    throw new AppError('HTTP_NO_ANSWER', 'The connection was closed without an answer.', { status: 502 });
  throw new AppError('HTTP_ANSWER_INVALID', 'What answers is not an HTTP server.', { status: 502 });
}

function parseStatus(line: string): number {
  const status = Number(/^HTTP\/1\.[01] ([1-5]\d\d)(?: |$)/.exec(line)?.[1]);
  if (Number.isInteger(status)) return status;
  throw new AppError('HTTP_ANSWER_INVALID', 'What answers is not an HTTP server.', { status: 502 });
}
