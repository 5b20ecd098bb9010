import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** The registry of one service; services sharing a process keep theirs apart. */
export interface Metrics {
  readonly registry: Registry;
  readonly requestDuration: Histogram<'operation' | 'status'>;
}

/** @param process whether this service reports the process's own figures too (one per process does) */
export function createMetrics(service: string, options: { readonly process?: boolean } = {}): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  if (options.process) collectDefaultMetrics({ register: registry });
  const requestDuration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the request head to the end of the answer',
    labelNames: ['operation', 'status'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  });
  return { registry, requestDuration };
}
