/**
 * The time of cosignatures, POSIX seconds: a Pi's clock may start in the past, but no cosignature is older than one that
 * was given before.
 */
export class HeldClock {
  readonly #wallMs: () => number;
  #floorSec = 1;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  /** Never before a time that was held. */
  readonly now = (): number => Math.max(this.#floorSec, Math.floor(this.#wallMs() / 1000));

  hold(sec: number): void {
    this.#floorSec = Math.max(this.#floorSec, sec);
  }
}
