import { STATUS_CODES } from 'node:http';
import type { ErrorCatalogue } from '../../apis/api.ts';
import type { AppError } from '../../errors.ts';
import { problemContentType, toProblem } from '../problem.ts';

let dateSec = 0;
let date = '';

/** The Date header (RFC 9110 §6.6.1), made once a second. */
function currentDate(): string {
  const sec = Math.floor(Date.now() / 1000);
  if (sec !== dateSec) {
    dateSec = sec;
    date = new Date(sec * 1000).toUTCString();
  }
  return date;
}

export interface AnswerHead {
  readonly status: number;
  readonly requestId: string;
  readonly contentType: string;
  /** Bytes. */
  readonly bodySize: number;
  /** How long the connection is kept, seconds; 0 where it is closed after the answer. */
  readonly keepAliveSec: number;
  /** Lines of further headers, each with its line end; they come before the content type. */
  readonly fields?: string;
}

/** An answer's head, field for field what the ordinary server writes. */
export function encodeHead({
  status,
  requestId,
  contentType,
  bodySize,
  keepAliveSec,
  fields = '',
}: AnswerHead): string {
  const connection =
    keepAliveSec === 0 ? 'Connection: close' : `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSec}`;
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\nx-request-id: ${requestId}\r\n${fields}` +
    `content-type: ${contentType}\r\ncontent-length: ${bodySize}\r\nDate: ${currentDate()}\r\n${connection}\r\n\r\n`
  );
}

/** A whole answer of an expected failure, as problem+json. */
export function encodeProblem(
  error: AppError,
  options: { requestId: string; keepAliveSec: number; catalogue: ErrorCatalogue },
): string {
  const { requestId, keepAliveSec, catalogue } = options;
  const body = JSON.stringify(toProblem(error, requestId, catalogue));
  const retry = error.retryAfterSec === undefined ? '' : `retry-after: ${error.retryAfterSec}\r\n`;
  const challenge = error.status === 401 ? 'www-authenticate: Bearer\r\n' : '';
  const bodySize = Buffer.byteLength(body);
  const head = { status: error.status, requestId, contentType: problemContentType, bodySize, keepAliveSec };
  return encodeHead({ ...head, fields: retry + challenge }) + body;
}

/**
 * A refusal that is made of ready parts, for when there is no room: only its date and the request's id are put in.
 * Refusing must cost far less than serving, or a flood takes what the admitted need.
 */
export function createRefusal(error: AppError, catalogue: ErrorCatalogue, keepAliveSec: number) {
  const placeholder = '00000000-0000-4000-8000-000000000000';
  const body = JSON.stringify(toProblem(error, placeholder, catalogue));
  const [before = '', after = ''] = body.split(placeholder);
  const bodySize = Buffer.byteLength(body);
  const fields = `retry-after: ${error.retryAfterSec ?? 1}\r\n`;
  const shared = { status: error.status, contentType: problemContentType, bodySize, keepAliveSec, fields };
  return (requestId: string): string => `${encodeHead({ ...shared, requestId })}${before}${requestId}${after}`;
}
