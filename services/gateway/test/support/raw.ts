import { connect, type Socket } from 'node:net';
import { AppError } from '@lucid/common/errors';

/** What came back over one connection. */
export interface RawAnswer {
  /** Status codes in order, interim ones included; empty when the connection was closed without an answer. */
  readonly statuses: readonly number[];
  readonly text: string;
}

/** Sends bytes as they are, and reads until the answer is whole or the connection ends. */
export async function sendRaw(url: string, bytes: string | Buffer): Promise<RawAnswer> {
  const socket = await openSocket(url);
  try {
    socket.write(bytes);
    return await readAnswer(socket);
  } finally {
    socket.destroy();
  }
}

export async function openSocket(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  // The server may cut the connection while we still write; the answer, or its absence, is what counts.
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

export async function readAnswer(socket: Socket): Promise<RawAnswer> {
  let text = '';
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (isWhole(text)) resolve();
    });
    socket.once('close', () => resolve());
  });
  return { statuses: [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status)), text };
}

function isWhole(text: string): boolean {
  const start = text.search(/HTTP\/1\.1 [2-5]\d\d /);
  const end = text.indexOf('\r\n\r\n', start);
  if (start === -1 || end === -1) return false;
  const head = text.slice(start, end);
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length !== undefined) return text.length >= end + 4 + Number(length);
  return /^transfer-encoding: chunked$/im.test(head) ? text.endsWith('0\r\n\r\n') : false;
}

/** The `code` of the problem document in the answer, if it is one. */
export function problemCode({ text }: RawAnswer): string | undefined {
  const json = text.slice(text.lastIndexOf('\r\n\r\n') + 4);
  try {
    return (JSON.parse(json) as Partial<AppError>).code;
  } catch {
    return undefined;
  }
}
