import type { FastifyBaseLogger } from 'fastify';
import type { AppError } from '../errors.ts';

/** Refusals for want of room: the access log and the metrics count them, and a line more each would cost a flood. */
const roomCodes: ReadonlySet<string> = new Set(['OVERLOADED', 'STORE_BUSY']);

/** A fault of ours is logged with its stack; a failure we expected and named, by its name. */
export function logFailure(logger: FastifyBaseLogger, requestId: string, appError: AppError, error: unknown): void {
  const { code, message: detail, cause } = appError;
  if (code === 'INTERNAL') logger.error({ requestId, code, err: error }, 'request failed');
  else if (appError.status >= 500 && !roomCodes.has(code)) {
    const reason = cause instanceof Error ? { reason: cause.message } : {};
    logger.warn({ requestId, code, detail, ...reason }, 'request failed');
  }
}
