/** Resolves when the dependency works, with what an operator should know all the same; rejects when it does not. */
export type HealthCheck = () => Promise<string | void> | string | void;

export interface ReadinessReport {
  readonly status: 'ready' | 'not ready';
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;
}

const checkTimeoutMs = 1000;
const reportLifeMs = 500;

/**
 * What `/readyz` answers from. A check that hangs counts as failed after a second; a report is reused for half a
 * second, so a probe storm costs one round of checks.
 */
export class Readiness {
  readonly #checks = new Map<string, HealthCheck>();
  #drainReason: string | undefined;
  #report: { readonly at: number; readonly report: Promise<ReadinessReport> } | undefined;

  add(name: string, check: HealthCheck): void {
    this.#checks.set(name, check);
  }

  /** From now on the service says it is not ready, so that callers go elsewhere before it closes. */
  drain(reason = 'draining'): void {
    this.#drainReason = reason;
  }

  get isDraining(): boolean {
    return this.#drainReason !== undefined;
  }

  async report(): Promise<ReadinessReport> {
    if (this.#drainReason !== undefined) {
      return { status: 'not ready', checks: { process: { ok: false, detail: this.#drainReason } } };
    }
    if (!this.#report || Date.now() - this.#report.at > reportLifeMs) {
      this.#report = { at: Date.now(), report: this.#run() };
    }
    return await this.#report.report;
  }

  async #run(): Promise<ReadinessReport> {
    const entries = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await runCheck(check)] as const),
    );
    const isReady = entries.every(([, result]) => result.ok);
    return { status: isReady ? 'ready' : 'not ready', checks: Object.fromEntries(entries) };
  }
}

async function runCheck(check: HealthCheck): Promise<{ ok: boolean; detail?: string }> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${checkTimeoutMs} ms`)), checkTimeoutMs);
  try {
    const detail = await Promise.race([Promise.resolve().then(check), timeout]);
    return typeof detail === 'string' ? { ok: true, detail } : { ok: true };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
