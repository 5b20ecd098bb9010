import { createVisitOnion } from '@lucid/tunnel-tools/clients/socks-probe/visit-onion';
import type { Visit, VisitOnion } from '@lucid/tunnel-tools/domain/probe';
import type { TorClient } from './client.ts';

const visitTimeoutMs = 30_000;
const untilTimeoutMs = 150_000;

/**
 * Visits of strangers: before each the tor forgets what it knew and asks the network anew. A tor that was there before
 * goes by its old descriptor, whose introduction points may answer for minutes for a service that was killed. It
 * forgets at most once in ten seconds, so visits are few.
 */
export class Visits {
  readonly #visit: VisitOnion;

  /** @param path what is asked for by GET */
  constructor({ socksSocket, controlSocket }: Pick<TorClient, 'socksSocket' | 'controlSocket'>, path: string) {
    const control = { path: controlSocket, timeoutMs: 5000 };
    this.#visit = createVisitOnion({ proxy: { path: socksSocket }, control, path, timeoutMs: visitTimeoutMs });
  }

  /**
   * Visits until it ends so: what changes takes a moment to get around the network.
   * @param end `arrived`, or the code of the step that is to fail
   * @returns how long that took, ms
   * @throws with how each visit ended when none ends so in time
   */
  async until(end: string, visit: Omit<Visit, 'virtualPort'>): Promise<number> {
    const startedAt = performance.now();
    const ends: string[] = [];
    for (;;) {
      const outcome = await this.#visit({ ...visit, virtualPort: 80 });
      const last = outcome.ok ? 'arrived' : (outcome.steps.at(-1)?.code ?? '');
      const tookMs = performance.now() - startedAt;
      if (last === end) return tookMs;
      ends.push(`${last} after ${Math.round(tookMs)} ms`);
      if (tookMs > untilTimeoutMs) throw new Error(`no visit ended with ${end}: ${ends.join(', ')}`);
    }
  }
}
