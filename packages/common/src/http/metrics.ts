import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** The registry of one service; services sharing a process keep theirs apart. */
export interface Metrics {
  readonly registry: Registry;
  readonly requestDuration: RequestDurations;
}

const name = 'http_request_duration_seconds';
const help = 'Time from the request head to the end of the answer';
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** What was counted of one operation's answers with one status. */
interface Row {
  /** Answers up to each bound and above the one before it; the last has those over all bounds. */
  readonly counts: Float64Array;
  sum: number;
}

interface Value {
  readonly labels: { readonly le?: string | number };
  /** Those every figure of one operation and status has. */
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly metricName: string;
}

/**
 * A histogram by operation and status. Counting looks two keys up and adds; the labels' names are only put together
 * when somebody reads the metrics.
 */
export class RequestDurations {
  readonly #rows = new Map<string, Map<number, Row>>();

  /** @param seconds from the request's head to the end of its answer */
  observe(operation: string, status: number, seconds: number): void {
    let ofOperation = this.#rows.get(operation);
    if (!ofOperation) this.#rows.set(operation, (ofOperation = new Map()));
    let row = ofOperation.get(status);
    if (!row) ofOperation.set(status, (row = { counts: new Float64Array(bounds.length + 1), sum: 0 }));
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket += 1;
    row.counts[bucket] = (row.counts[bucket] ?? 0) + 1;
    row.sum += seconds;
  }

  /** Every figure, in the order and the shape prom-client prints. */
  values(): Value[] {
    return [...this.#rows].flatMap(([operation, rows]) =>
      [...rows].flatMap(([status, row]) => valuesOf({ operation, status: String(status) }, row)),
    );
  }
}

function valuesOf(sharedLabels: Readonly<Record<string, string>>, row: Row): Value[] {
  let count = 0;
  const buckets = [...row.counts].map((counted, index) => {
    count += counted;
    return { labels: { le: bounds[index] ?? '+Inf' }, sharedLabels, value: count, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels: {}, sharedLabels, value: row.sum, metricName: `${name}_sum` },
    { labels: {}, sharedLabels, value: count, metricName: `${name}_count` },
  ];
}

/** The registry's view of the durations. */
class RequestDurationHistogram extends Histogram {
  readonly #durations: RequestDurations;

  constructor(durations: RequestDurations) {
    super({ name, help, buckets: bounds, registers: [] });
    this.#durations = durations;
  }

  /** What the registry prints from, and what `get` answers. */
  async getForPromString() {
    return { name, help, type: 'histogram', aggregator: 'sum', values: this.#durations.values() };
  }
}

/** @param process whether this service reports the process's own figures too (one per process does) */
export function createMetrics(service: string, options: { readonly process?: boolean } = {}): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  if (options.process) collectDefaultMetrics({ register: registry });
  const requestDuration = new RequestDurations();
  registry.registerMetric(new RequestDurationHistogram(requestDuration));
  return { registry, requestDuration };
}
