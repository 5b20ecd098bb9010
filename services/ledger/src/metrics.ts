import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { LogHost } from './domain/log-host.ts';

/** The log's own figures beside those every service has. */
export function installMetrics(app: FastifyInstance, host: LogHost): void {
  const registers = [app.metrics.registry];
  const entries = new Counter({
    name: 'ledger_entries_total',
    help: 'Entries made durable since the start',
    registers,
  });
  const failures = new Counter({ name: 'ledger_failures_total', help: 'Times the log stopped', registers });
  const duration = new Histogram({
    name: 'ledger_commit_duration_seconds',
    help: 'Time to make one commit durable',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1],
    registers,
  });
  const size = new Histogram({
    name: 'ledger_commit_entries',
    help: 'Entries of one commit',
    buckets: [1, 4, 16, 64, 256, 1024, 4096],
    registers,
  });
  host.observe({
    committed: (entryCount, seconds) => {
      entries.inc(entryCount);
      duration.observe(seconds);
      size.observe(entryCount);
    },
    failed: () => failures.inc(),
  });
  gauge('ledger_tree_size', 'Durable entries', () => host.log.treeSize);
  gauge('ledger_published_tree_size', 'Entries of the latest checkpoint', () => host.log.published.treeSize);
  gauge('ledger_waiting_appends', 'Appends that wait for a commit', () => host.log.waitingCount);

  function gauge(name: string, help: string, read: () => number): void {
    const metric = new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(readOr(read, Number.NaN));
      },
    });
    app.metrics.registry.registerMetric(metric);
  }
}

/** While the log is being reopened its figures are not known, but the other metrics are. */
function readOr(read: () => number, otherwise: number): number {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
