import type { KeyValueStore } from '@lucid/common/storage/kv';
import type { FastifyInstance } from 'fastify';
import type { Observations } from './domain/observations.ts';
import type { Tor } from './domain/tor.ts';
import type { Tunnels } from './domain/tunnels.ts';

export interface ReadinessParts {
  readonly level: KeyValueStore;
  readonly tor: Tor;
  readonly tunnels: Tunnels;
  readonly observations: Observations;
}

/** Ready: tor is there, safe and on the network, and what is declared is published. */
export function addReadiness(app: FastifyInstance, { level, tor, tunnels, observations }: ReadinessParts): void {
  app.readiness.add('store', () => {
    if (level.failure) throw level.failure;
  });
  app.readiness.add('tor', async () => {
    const { isConnected, reason, isVersionSafe, version, bootstrap } = await tor.readStatus();
    if (!isConnected) throw new Error(reason ?? 'no control connection');
    if (isVersionSafe === false) throw new Error(`tor ${version} is not safe for onion services`);
    if (bootstrap && bootstrap.progress < 100) {
      throw new Error(`tor is at ${bootstrap.progress} %: ${bootstrap.warning ?? bootstrap.summary}`);
    }
  });
  app.readiness.add('tunnels', () => {
    const missing = tunnels.list().filter(({ desired, services: [{ onionAddress }] }) => {
      const state = observations.find(onionAddress)?.state ?? 'absent';
      return desired === 'published' && (state === 'absent' || state === 'publishing');
    });
    if (missing.length > 0) throw new Error(`not on the network: ${missing.map(({ name }) => name).join(', ')}`);
  });
}
