/** One check of a run: what it found, or why it failed. */
export interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  /** What is printed beside the name: figures, or the reason of the failure. */
  readonly detail: string;
}

/** Ends a run: a step that later ones need has failed, and has said so. */
export class StepFailed extends Error {}

/** Runs checks one after the other, prints a line for each, and counts. */
export class Steps {
  readonly #print: (line: string) => void;
  readonly #results: StepResult[] = [];

  constructor(print: (line: string) => void = console.log) {
    this.#print = print;
  }

  get results(): readonly StepResult[] {
    return this.#results;
  }

  /** Runs a check. What `run` returns is printed beside the name; what it throws fails the check, and the run goes on. */
  async check(name: string, run: () => Promise<string> | string): Promise<boolean> {
    const startedAt = performance.now();
    const { ok, detail } = await attempt(run);
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
    this.#results.push({ name, ok, seconds, detail });
    this.#print(`${ok ? '✓' : '✗'} ${name}${detail === '' ? '' : `: ${detail}`} (${seconds} s)`);
    return ok;
  }

  /** A check that later ones build on: `run` returns its value and the detail; a failure throws StepFailed. */
  async need<T>(name: string, run: () => Promise<readonly [T, string]>): Promise<T> {
    const values: T[] = [];
    await this.check(name, async () => {
      const [value, detail] = await run();
      values.push(value);
      return detail;
    });
    if (values.length === 0) throw new StepFailed(name);
    return values[0] as T;
  }

  /** Prints `N passed, N failed` and returns whether everything passed. */
  finish(): boolean {
    const failed = this.#results.filter(({ ok }) => !ok).length;
    this.#print(`${this.#results.length - failed} passed, ${failed} failed`);
    return failed === 0;
  }
}

async function attempt(run: () => Promise<string> | string): Promise<{ ok: boolean; detail: string }> {
  try {
    return { ok: true, detail: await run() };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
