import type { FastifyInstance } from 'fastify';
import { Gauge } from 'prom-client';
import type { AnchorStore } from './domain/anchor.ts';
import type { AnchorWorker } from './domain/anchor-worker.ts';

/** The anchor queue in numbers, besides what every service measures. */
export function installMetrics(app: FastifyInstance, anchors: AnchorStore, worker: AnchorWorker): void {
  gauge('blockchain_api_anchors_waiting', 'Anchors that are queued or submitted', () => anchors.waitingCount);
  gauge('blockchain_api_anchors_blocked', '1 while something keeps the anchor queue from moving', () =>
    worker.fault ? 1 : 0,
  );

  function gauge(name: string, help: string, read: () => number): void {
    const metric = new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    });
    app.metrics.registry.registerMetric(metric);
  }
}
