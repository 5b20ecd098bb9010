/** Counts what is in work at once, by key, and refuses more than the limit. */
export class Slots {
  readonly #held = new Map<string, number>();

  /** Takes a slot; undefined when all `max` are held. The result gives it back, once. */
  acquire(key: string, max: number): (() => void) | undefined {
    const held = this.#held.get(key) ?? 0;
    if (held >= max) return undefined;
    this.#held.set(key, held + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = (this.#held.get(key) ?? 1) - 1;
      if (left > 0) this.#held.set(key, left);
      else this.#held.delete(key);
    };
  }

  heldBy(key: string): number {
    return this.#held.get(key) ?? 0;
  }
}
