import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Log } from './domain/log.ts';
import type { ServedLog, ServedLogs } from './routes/served-logs.ts';

const seconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1];

/** The logs' own figures beside those every service has, each with the label `log`. */
export function installMetrics(app: FastifyInstance, logs: ServedLogs): void {
  const registers = [app.metrics.registry];
  const labelNames = ['log'] as const;
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, labelNames, buckets, registers });
  const entries = counter('ledger_entries_total', 'Entries made durable since the start');
  const failures = counter('ledger_failures_total', 'Times the log stopped');
  const publications = counter('ledger_publications_total', 'Checkpoints published since the start');
  const duration = histogram('ledger_commit_duration_seconds', 'Time to make one commit durable', seconds);
  const size = histogram('ledger_commit_entries', 'Entries of one commit', [1, 4, 16, 64, 256, 1024, 4096]);
  for (const { name: log, host } of logs.all) {
    failures.inc({ log }, 0);
    host.observe({
      committed: (entryCount, durationSec) => {
        entries.inc({ log }, entryCount);
        duration.observe({ log }, durationSec);
        size.observe({ log }, entryCount);
      },
      published: () => publications.inc({ log }),
      failed: () => failures.inc({ log }),
    });
  }
  const gauge = gaugesOf(app, logs);
  gauge(
    'ledger_tree_size',
    'Durable entries',
    ofLog((log) => log.treeSize),
  );
  gauge(
    'ledger_published_tree_size',
    'Entries of the latest checkpoint',
    ofLog((log) => log.published.treeSize),
  );
  gauge(
    'ledger_waiting_appends',
    'Appends that wait for a commit',
    ofLog((log) => log.waitingCount),
  );
  gauge('ledger_bundle_cache_bytes', 'Entry bundles kept in memory', ({ bundles }) => bundles.bytes);
  gauge('ledger_bundle_cache_hits', 'Entry bundles found in memory since the start', ({ bundles }) => bundles.hits);
  gauge('ledger_bundle_cache_misses', 'Entry bundles read since the start', ({ bundles }) => bundles.misses);
}

/** Makes the function that adds a gauge read from each log when it is asked for. */
function gaugesOf(app: FastifyInstance, logs: ServedLogs) {
  return (name: string, help: string, read: (log: ServedLog) => number): void => {
    const gauge = new Gauge({
      name,
      help,
      labelNames: ['log'],
      registers: [],
      collect() {
        for (const log of logs.all) this.set({ log: log.name }, read(log));
      },
    });
    app.metrics.registry.registerMetric(gauge);
  };
}

/** While a log is being reopened its figures are not known, but the others are. */
function ofLog(read: (log: Log) => number): (served: ServedLog) => number {
  return ({ host }) => {
    try {
      return read(host.log);
    } catch {
      return Number.NaN;
    }
  };
}
