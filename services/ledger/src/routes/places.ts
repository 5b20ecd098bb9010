/**
 * A bounded number of places, in all and for each client, so that no client can take them all. A place is given back
 * once, by the function that came with it.
 */
export class Places {
  readonly #max: number;
  readonly #clientMax: number;
  readonly #held = new Map<string, number>();
  #count = 0;

  constructor(max: number, clientMax: number) {
    this.#max = max;
    this.#clientMax = clientMax;
  }

  get count(): number {
    return this.#count;
  }

  /** The function that gives the place back, or why there is none. */
  take(client: string): (() => void) | 'client' | 'all' {
    const held = this.#held.get(client) ?? 0;
    if (held >= this.#clientMax) return 'client';
    if (this.#count >= this.#max) return 'all';
    this.#count += 1;
    this.#held.set(client, held + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#count -= 1;
      const left = (this.#held.get(client) ?? 1) - 1;
      if (left === 0) this.#held.delete(client);
      else this.#held.set(client, left);
    };
  }
}
