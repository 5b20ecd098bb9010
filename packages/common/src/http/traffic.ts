import type { Logger } from 'pino';
import { type AccessRecord, createAccessLog } from './access-log.ts';
import type { Identify } from './callers.ts';
import type { Metrics } from './metrics.ts';
import type { ServiceLimits } from './service.ts';

declare module 'fastify' {
  interface FastifyInstance {
    readonly traffic: Traffic;
  }
}

/** How an answer nobody waited for is counted and logged, as nginx does. */
export const clientGoneStatus = 499;

/** The requests of one service in work: how many, how many there may be, and what is written down when one ends. */
export class Traffic {
  readonly identify: Identify;
  readonly limits: ServiceLimits;
  readonly #metrics: Metrics;
  readonly #log: (record: AccessRecord) => void;
  #inFlight = 0;

  constructor(parts: { identify: Identify; limits: ServiceLimits; metrics: Metrics; logger: Logger }) {
    this.identify = parts.identify;
    this.limits = parts.limits;
    this.#metrics = parts.metrics;
    this.#log = createAccessLog(parts.logger);
  }

  /** Requests that have begun and not ended, the ones that are being refused included. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether one more would be over the limit. */
  get isFull(): boolean {
    return this.#inFlight >= this.limits.requestsInFlightMax;
  }

  begin(): void {
    this.#inFlight += 1;
  }

  /** Takes back `begin` of a request that is begun elsewhere. */
  cancel(): void {
    this.#inFlight -= 1;
  }

  /** Counts a request that has begun and writes its line. */
  end(record: AccessRecord): void {
    this.#inFlight -= 1;
    this.#metrics.requestDuration.observe(record.operation, record.status, record.durationMs / 1000);
    this.#log(record);
  }
}
