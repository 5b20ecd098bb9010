import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Log } from './domain/log.ts';
import type { LogHost } from './domain/log-host.ts';
import type { ServedLog, ServedLogs } from './routes/served-logs.ts';

const seconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1];
const publicationSeconds = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1, 5, 30, 300];
const commitEntries = [1, 4, 16, 64, 256, 1024, 4096, 16_384];

/** The logs' own figures beside those every service has, each with the label `log`. */
export function installMetrics(app: FastifyInstance, logs: ServedLogs): void {
  const { registry } = app.metrics;
  const registers = [registry];
  const labelNames = ['log'] as const;
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, labelNames, buckets, registers });
  const entries = counter('ledger_entries_total', 'Entries made durable since the start');
  const failures = counter('ledger_failures_total', 'Times the log stopped');
  const publications = counter('ledger_publications_total', 'Checkpoints published since the start');
  const refusals = counter('ledger_unendorsed_total', 'Times a checkpoint was not cosigned as the policy asks');
  const duration = histogram('ledger_commit_duration_seconds', 'Time of the synced write of one commit', seconds);
  const size = histogram('ledger_commit_entries', 'Entries of one commit', commitEntries);
  const delay = histogram(
    'ledger_publication_delay_seconds',
    'Time from the first commit a checkpoint covers to its publication',
    publicationSeconds,
  );
  for (const { name: log, host } of logs.all) {
    failures.inc({ log }, 0);
    refusals.inc({ log }, 0);
    const unpublished = new Unpublished();
    host.observe({
      committed: (entryCount, durationSec) => {
        entries.inc({ log }, entryCount);
        duration.observe({ log }, durationSec);
        size.observe({ log }, entryCount);
        unpublished.committed();
      },
      published: (treeSize) => {
        publications.inc({ log });
        const waitedSec = unpublished.published(host, treeSize);
        if (waitedSec !== undefined) delay.observe({ log }, waitedSec);
      },
      unendorsed: () => refusals.inc({ log }),
      failed: () => failures.inc({ log }),
    });
  }
  installGauges(app, logs);
}

/** Since when a commit waits for its checkpoint. */
class Unpublished {
  #sinceMs: number | undefined;

  committed(): void {
    this.#sinceMs ??= performance.now();
  }

  /** How long the oldest commit waited, s; undefined when none did, as at the start. */
  published(host: LogHost, treeSize: number): number | undefined {
    const sinceMs = this.#sinceMs;
    const nowMs = performance.now();
    // What became durable meanwhile waits for the next one.
    this.#sinceMs = readOr(host, ({ treeSize: durable }) => durable, treeSize) > treeSize ? nowMs : undefined;
    return sinceMs === undefined ? undefined : (nowMs - sinceMs) / 1000;
  }
}

function installGauges(app: FastifyInstance, logs: ServedLogs): void {
  const gauge = (name: string, help: string, read: (log: ServedLog) => number): void => {
    const added = new Gauge({
      name,
      help,
      labelNames: ['log'],
      registers: [],
      collect() {
        for (const log of logs.all) this.set({ log: log.name }, read(log));
      },
    });
    app.metrics.registry.registerMetric(added);
  };
  const ofLog = (read: (log: Log) => number) => (served: ServedLog) => readOr(served.host, read, Number.NaN);
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
  gauge(
    'ledger_waiting_entries',
    'Entries that wait for a commit',
    ofLog((log) => log.waitingEntries),
  );
  gauge(
    'ledger_waiting_bytes',
    'Bytes of the entries that wait for a commit',
    ofLog((log) => log.waitingBytes),
  );
  gauge(
    'ledger_proofs',
    'Proofs made since the log was opened',
    ofLog((log) => log.tree.counts.proofs),
  );
  gauge(
    'ledger_tile_cache_hits',
    'Full tiles found in memory since the log was opened',
    ofLog((log) => log.tree.counts.hits),
  );
  gauge(
    'ledger_tile_cache_misses',
    'Full tiles read since the log was opened',
    ofLog((log) => log.tree.counts.reads),
  );
  gauge('ledger_bundle_cache_bytes', 'Entry bundles kept in memory', ({ bundles }) => bundles.bytes);
  gauge('ledger_bundle_cache_hits', 'Entry bundles found in memory since the start', ({ bundles }) => bundles.hits);
  gauge('ledger_bundle_cache_misses', 'Entry bundles read since the start', ({ bundles }) => bundles.misses);
}

/** While a log is being reopened its figures are not known, but the others are. */
function readOr(host: LogHost, read: (log: Log) => number, otherwise: number): number {
  try {
    return read(host.log);
  } catch {
    return otherwise;
  }
}
