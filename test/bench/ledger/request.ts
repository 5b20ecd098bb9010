import { randomBytes } from 'node:crypto';

/** One request as it goes over the wire, and where eight digits are written anew before each sending. */
export interface PreparedRequest {
  readonly bytes: Buffer;
  readonly firstNumber: number;
  readonly stride: number;
  readonly numberCount: number;
}

/** Bytes of every entry the benches append. */
export const entryBytes = 200;
/** Entries of a batch. */
export const batchEntries = 1000;

/** Visible characters, so that base64 of them needs no padding rules: what an entry says does not matter, only its size. */
function entryText(): string {
  return randomBytes(entryBytes).toString('base64').slice(0, entryBytes);
}

function post(path: string, token: string, contentType: string, body: Buffer): { head: number; bytes: Buffer } {
  const head = Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${contentType}\r\n` +
      `authorization: Bearer ${token}\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  return { head: head.length, bytes: Buffer.concat([head, body]) };
}

/** One entry, as its bytes. */
export function singleRequest(token: string): PreparedRequest {
  const { head, bytes } = post('/entries', token, 'application/octet-stream', Buffer.from(entryText()));
  return { bytes, firstNumber: head, stride: 0, numberCount: 1 };
}

/** A thousand entries, each with its size before it (c2sp.org/tlog-tiles entry bundle). */
export function packedRequest(token: string): PreparedRequest {
  const size = Buffer.from([entryBytes >> 8, entryBytes & 255]);
  const parts = Array.from({ length: batchEntries }, () => [size, Buffer.from(entryText())]).flat();
  const { head, bytes } = post('/entries:batch', token, 'application/x-tlog-entries', Buffer.concat(parts));
  return { bytes, firstNumber: head + 2, stride: 2 + entryBytes, numberCount: batchEntries };
}

/** The same thousand as JSON: eight of an entry's base64 characters are the number, and digits are base64 too. */
export function jsonRequest(token: string): PreparedRequest {
  const entries = Array.from({ length: batchEntries }, () => Buffer.from(entryText()).toString('base64'));
  const body = Buffer.from(JSON.stringify({ entries }));
  const { head, bytes } = post('/entries:batch', token, 'application/json', body);
  const stride = (entries[0]?.length ?? 0) + 3;
  return { bytes, firstNumber: head + '{"entries":["'.length, stride, numberCount: batchEntries };
}
