import type { FastifyInstance } from 'fastify';
import { Gauge } from 'prom-client';
import type { ChainBackend } from './domain/backend.ts';

type Status = {
  readonly head: { readonly blockNumber: number; readonly timestamp: number };
  readonly pendingTransactions: number;
  readonly ledgerOutbox: { readonly pending: number; readonly parked: number };
};

/** Adds the chain's figures to `/metrics`; they are NaN while the chain does not answer. */
export function installMetrics(app: FastifyInstance, backend: ChainBackend): void {
  gauge('vm_head_block_number', 'Number of the last durable block', ({ head }) => head.blockNumber);
  gauge('vm_head_timestamp_seconds', 'Its time, seconds since 1970', ({ head }) => head.timestamp);
  gauge('vm_pool_transactions', 'Transactions that wait for a block', (status) => status.pendingTransactions);
  gauge('vm_ledger_outbox_pending', 'Headers the ledger lacks', ({ ledgerOutbox }) => ledgerOutbox.pending);
  gauge('vm_ledger_outbox_parked', 'Headers the ledger refused', ({ ledgerOutbox }) => ledgerOutbox.parked);

  function gauge(name: string, help: string, read: (status: Status) => number): void {
    const metric = new Gauge({
      name,
      help,
      registers: [],
      async collect() {
        const status = await backend.request('lucid_status', []).catch(() => undefined);
        this.set(status === undefined ? Number.NaN : read(JSON.parse(status) as Status));
      },
    });
    app.metrics.registry.registerMetric(metric);
  }
}
