import type { FastifyInstance } from 'fastify';
import { Gauge } from 'prom-client';
import type { AnchorStore } from './domain/anchor.ts';
import type { AnchorWorker } from './domain/anchor-worker.ts';

/** The anchor queue in numbers, besides what every service measures. */
export function installMetrics(app: FastifyInstance, anchors: AnchorStore, worker: AnchorWorker): void {
  const { registry } = app.metrics;
  const registers = [registry];
  new Gauge({
    name: 'blockchain_api_anchors_waiting',
    help: 'Anchors that are queued or submitted',
    registers,
    collect() {
      this.set(anchors.waitingCount);
    },
  });
  new Gauge({
    name: 'blockchain_api_anchors_blocked',
    help: '1 while something keeps the anchor queue from moving',
    registers,
    collect() {
      this.set(worker.fault ? 1 : 0);
    },
  });
}
