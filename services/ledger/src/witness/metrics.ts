import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Endorser } from './endorser.ts';

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What the witnesses of the logs do, each with the labels `log` and `witness` (the name of its key). */
export function installWitnessMetrics(app: FastifyInstance, endorsers: ReadonlyMap<string, Endorser>): void {
  if (endorsers.size === 0) return;
  const registers = [app.metrics.registry];
  const labelNames = ['log', 'witness'] as const;
  const duration = new Histogram({
    name: 'ledger_witness_duration_seconds',
    help: 'Time until a witness cosigned a checkpoint',
    labelNames,
    buckets: seconds,
    registers,
  });
  const failures = new Counter({
    name: 'ledger_witness_failures_total',
    help: 'Times a witness did not cosign a checkpoint that it was asked to',
    labelNames,
    registers,
  });
  for (const [log, endorser] of endorsers) {
    for (const { witness } of endorser.status) failures.inc({ log, witness }, 0);
    endorser.observe({
      asked: (witness, durationSec, failure) => {
        if (failure === undefined) duration.observe({ log, witness }, durationSec);
        else failures.inc({ log, witness });
      },
    });
  }
  const lastSuccess = new Gauge({
    name: 'ledger_witness_last_success_timestamp_seconds',
    help: 'When a witness last cosigned a checkpoint, POSIX seconds; 0 for never since the start',
    labelNames,
    registers: [],
    collect() {
      for (const [log, endorser] of endorsers) {
        for (const { witness, lastSuccessAt } of endorser.status)
          this.set({ log, witness }, (lastSuccessAt ?? 0) / 1000);
      }
    },
  });
  app.metrics.registry.registerMetric(lastSuccess);
}
