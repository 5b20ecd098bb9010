/** One field at fault, as a JSON Pointer (RFC 6901) into the part of the request that holds it. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

export interface AppErrorOptions {
  /** HTTP status when the error reaches a client; 500 unless given. */
  readonly status?: number;
  /** Extra members of the problem document. Never secrets. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly errors?: readonly FieldError[];
  /** Seconds after which trying again makes sense (the Retry-After header). */
  readonly retryAfterSec?: number;
  readonly cause?: unknown;
}

/**
 * An expected failure: a stable code for programs, a sentence for people.
 * Becomes RFC 9457 problem+json in one place, `http/problem.ts`.
 */
export class AppError extends Error {
  readonly code: string;
  readonly status: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly errors: readonly FieldError[];
  readonly retryAfterSec: number | undefined;

  constructor(code: string, detail: string, options: AppErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.status = options.status ?? 500;
    this.data = options.data ?? {};
    this.errors = options.errors ?? [];
    this.retryAfterSec = options.retryAfterSec;
  }
}

/** True when `error` is an AppError, with the given code if one is named. */
export function isAppError(error: unknown, code?: string): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}
