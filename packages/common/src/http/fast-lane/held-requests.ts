/** A request there was no room for. */
export interface Held {
  /** Whether it still waits: its client may have gone. */
  readonly isHeld: boolean;
  /** Whether there is room for it now. */
  readonly hasRoom: boolean;
  work(): void;
  refuse(): void;
}

const lookMs = 20;

/**
 * Requests that wait for room, first come, first served, each at most `holdMs`: then it is refused. Their connections
 * are not read meanwhile, so a flood waits in the network, where it costs nothing. There is at most one for each
 * connection.
 */
export class HeldRequests {
  readonly #holdMs: number;
  #waiting: { readonly held: Held; readonly since: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  get count(): number {
    return this.#waiting.length;
  }

  add(held: Held): void {
    this.#waiting.push({ held, since: performance.now() });
    // Room is also made by what is served beside the lane, of which nobody tells.
    this.#timer ??= setInterval(() => this.look(), lookMs);
  }

  /** Serves those there is room for, and refuses those that have waited too long. */
  look(): void {
    const latest = performance.now() - this.#holdMs;
    const waiting = this.#waiting;
    let taken = 0;
    for (const { held, since } of waiting) {
      if (held.isHeld) {
        if (held.hasRoom) held.work();
        else if (since <= latest) held.refuse();
        else break;
      }
      taken += 1;
    }
    if (taken > 0) waiting.splice(0, taken);
    if (waiting.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
