import { isAppError } from '@lucid/common/errors';
import type { Logger } from '@lucid/common/runtime/logger';

/** Logs a fault that stays once, not at every round. */
export class Trouble {
  readonly #logger: Logger;
  #last = '';

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  report(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (message === this.#last) return;
    this.#last = message;
    const fields = isAppError(error) ? { code: error.code, detail: message } : { err: error };
    this.#logger.warn(fields, 'tor and the tunnels cannot be brought together now');
  }

  /** For work nobody waits for. */
  watch(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.report(error));
  }
}
