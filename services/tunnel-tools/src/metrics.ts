import { tunnelStates } from '@lucid/common/apis/tunnels-schemas';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Observations } from './domain/observations.ts';
import type { Tor } from './domain/tor.ts';
import type { Tunnels } from './domain/tunnels.ts';

/** What the workers count; they are there before the app is, which takes it in. */
export interface TunnelMetrics {
  readonly steps: Counter<'action'>;
  readonly probes: Counter<'outcome'>;
  readonly uploads: Counter<'outcome'>;
  readonly connections: Counter;
}

export function createTunnelMetrics(): TunnelMetrics {
  const registers: Registry[] = [];
  return {
    steps: new Counter({
      name: 'tunnel_tools_reconcile_steps_total',
      help: 'What tor was told: add, replace, delete',
      labelNames: ['action'] as const,
      registers,
    }),
    probes: new Counter({
      name: 'tunnel_tools_probes_total',
      help: 'Visits through the Tor network',
      labelNames: ['outcome'] as const,
      registers,
    }),
    uploads: new Counter({
      name: 'tunnel_tools_descriptor_uploads_total',
      help: 'Uploads of descriptors to directories',
      labelNames: ['outcome'] as const,
      registers,
    }),
    connections: new Counter({
      name: 'tunnel_tools_control_connections_total',
      help: 'Times the control connection to tor was made',
      registers,
    }),
  };
}

/** The service's own figures beside those every service has. No label names an onion address or a tunnel. */
export function installMetrics(
  app: FastifyInstance,
  { steps, probes, uploads, connections }: TunnelMetrics,
  { tunnels, observations, tor }: { tunnels: Tunnels; observations: Observations; tor: Tor },
): void {
  const { registry } = app.metrics;
  registry.registerMetric(steps);
  registry.registerMetric(probes);
  registry.registerMetric(uploads);
  registry.registerMetric(connections);
  registry.registerMetric(
    new Gauge({
      name: 'tunnel_tools_tunnels',
      help: 'Tunnels by the state of their current address',
      labelNames: ['state'] as const,
      registers: [],
      collect() {
        const counts = new Map<string, number>(tunnelStates.map((state) => [state, 0]));
        for (const { services } of tunnels.list()) {
          const state = observations.find(services[0].onionAddress)?.state ?? 'absent';
          counts.set(state, (counts.get(state) ?? 0) + 1);
        }
        for (const [state, count] of counts) this.set({ state }, count);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'tunnel_tools_control_connected',
      help: 'Whether the control connection to tor stands',
      registers: [],
      collect() {
        this.set(tor.isConnected ? 1 : 0);
      },
    }),
  );
}
