import type { Outbox } from '@lucid/common/storage/outbox';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge } from 'prom-client';
import type { UploadSlots } from './domain/upload-slots.ts';

export interface MetricsSources {
  readonly slots: UploadSlots;
  readonly outboxes: Readonly<Record<string, Pick<Outbox<unknown>, 'stats'>>>;
}

/** Adds the service's own figures to `/metrics`; answers the counter of ciphertext bytes taken in. */
export function installMetrics(app: FastifyInstance, { slots, outboxes }: MetricsSources): Counter {
  const { registry } = app.metrics;
  registry.registerMetric(
    new Gauge({
      name: 'sessions_uploads_running',
      help: 'Chunk uploads in work',
      registers: [],
      collect() {
        this.set(slots.running);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'sessions_outbox_messages',
      help: 'Seals and anchors not delivered yet, by destination and state',
      labelNames: ['destination', 'state'] as const,
      registers: [],
      collect() {
        for (const [destination, { stats }] of Object.entries(outboxes)) {
          this.set({ destination, state: 'pending' }, stats.pending);
          this.set({ destination, state: 'parked' }, stats.parked);
        }
      },
    }),
  );
  return new Counter({ name: 'sessions_chunk_bytes_total', help: 'Ciphertext taken in, bytes', registers: [registry] });
}
