import { sessionError } from '../errors.ts';

/** Counts uploads that run, in all and for each session, and refuses those over the limits. */
export class UploadSlots {
  readonly #max: number;
  readonly #perSessionMax: number;
  readonly #running = new Map<string, number>();
  #total = 0;

  constructor(limits: { readonly max: number; readonly perSessionMax: number }) {
    this.#max = limits.max;
    this.#perSessionMax = limits.perSessionMax;
  }

  get running(): number {
    return this.#total;
  }

  /** Takes a slot until it is disposed. @throws SESSION_UPLOADS_BUSY */
  take(sessionId: string): Disposable {
    const count = this.#running.get(sessionId) ?? 0;
    if (this.#total >= this.#max || count >= this.#perSessionMax) {
      const whose = this.#total >= this.#max ? `${this.#total} uploads are` : `${count} uploads of this session are`;
      throw sessionError('SESSION_UPLOADS_BUSY', `${whose} running; try again.`, { retryAfterSec: 1 });
    }
    this.#total += 1;
    this.#running.set(sessionId, count + 1);
    return { [Symbol.dispose]: () => this.#release(sessionId) };
  }

  #release(sessionId: string): void {
    this.#total -= 1;
    const count = (this.#running.get(sessionId) ?? 1) - 1;
    if (count === 0) this.#running.delete(sessionId);
    else this.#running.set(sessionId, count);
  }
}
