import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { commonError } from '../apis/error-factory.ts';
import { problemContentType, toProblem } from './problem.ts';
import { acceptRequestId } from './trace.ts';

/** Why bytes are no request, by Node's code. */
export interface ClientError extends Error {
  readonly code: string;
}

/** A server's socket knows the answer it is busy with (Node's own `socketOnError` reads it too). */
type ServerSocket = Socket & { readonly _httpMessage?: ServerResponse | null };

/**
 * Bytes that are no HTTP request get an answer too, in the one error shape, and lose their connection. Not so when an
 * answer to an earlier request is still due on it: what is said now would be taken for that one.
 */
export function answerClientError(this: FastifyInstance, error: ClientError, socket: ServerSocket): void {
  const due = socket._httpMessage;
  if (error.code === 'ECONNRESET' || !socket.writable || due?.headersSent || due?.req.complete) {
    socket.destroy();
    return;
  }
  const appError = toClientError(error.code);
  const body = JSON.stringify(toProblem(appError, acceptRequestId(undefined)));
  socket.write(
    `HTTP/1.1 ${appError.status} Error\r\nContent-Type: ${problemContentType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  // Ending our half alone would leave the connection to whoever never closes theirs.
  socket.destroySoon();
}

function toClientError(code: string) {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return commonError('HEADERS_TOO_LARGE', 'The request headers are over the limit.');
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return commonError('REQUEST_TIMEOUT', 'The request did not arrive in time.');
  }
  return commonError('REQUEST_BODY_MALFORMED', 'This is not a valid HTTP request.');
}

/**
 * Cuts connections whose client takes nothing of its answer for `stallTimeoutMs`, so that slow readers cannot hold
 * memory and places for ever. A handler that takes its time, or a stream that has nothing to say, is not cut.
 */
export function cutStalledReaders(server: Server, stallTimeoutMs: number): void {
  server.timeout = stallTimeoutMs;
  server.on('timeout', (socket: ServerSocket) => {
    const isBusy = socket._httpMessage !== null && socket._httpMessage !== undefined;
    if (!isBusy || socket.writableLength > 0) socket.destroy();
  });
}
