import type { FastifyBaseLogger } from 'fastify';
import type { Logger } from 'pino';

/**
 * The logger of one request. A child that carries the request's id costs more than most requests and few write to it,
 * so it is made at the first line.
 */
export class RequestLogger implements FastifyBaseLogger {
  readonly #parent: Logger;
  readonly #bindings: Record<string, unknown>;
  #made: Logger | undefined;

  constructor(parent: Logger, bindings: Record<string, unknown>) {
    this.#parent = parent;
    this.#bindings = bindings;
  }

  get #log(): Logger {
    return (this.#made ??= this.#parent.child(this.#bindings));
  }

  get level(): string {
    return (this.#made ?? this.#parent).level;
  }

  set level(level: string) {
    this.#log.level = level;
  }

  child(...args: Parameters<Logger['child']>): FastifyBaseLogger {
    return this.#log.child(...args);
  }

  fatal(...args: unknown[]): void {
    this.#log.fatal(...(args as [string]));
  }

  error(...args: unknown[]): void {
    this.#log.error(...(args as [string]));
  }

  warn(...args: unknown[]): void {
    this.#log.warn(...(args as [string]));
  }

  info(...args: unknown[]): void {
    this.#log.info(...(args as [string]));
  }

  debug(...args: unknown[]): void {
    this.#log.debug(...(args as [string]));
  }

  trace(...args: unknown[]): void {
    this.#log.trace(...(args as [string]));
  }

  silent(): void {}
}
