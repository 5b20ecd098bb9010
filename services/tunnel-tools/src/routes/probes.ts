import { tunnelsApi } from '@lucid/common/apis/tunnels';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import type { Prober } from '../domain/prober.ts';
import type { TunnelStore } from '../domain/stores.ts';
import type { Tunnels } from '../domain/tunnels.ts';
import { toProbeView } from './views.ts';

export interface ProbeDeps {
  readonly tunnels: Tunnels;
  readonly prober: Prober;
  readonly store: TunnelStore;
}

const cursor = cursorCodec('tunnel-probes@1', ['integer']);

/** Visits of tunnels through the Tor network. */
export async function probeRoutes(app: FastifyInstance, { tunnels, prober, store }: ProbeDeps) {
  await implement(app, tunnelsApi, {
    verifyTunnel: async ({ params }) => toProbeView(await prober.verify(params.name, 'request')),
    listProbes: async ({ params, query }) => {
      const before = query.cursor === undefined ? undefined : cursor.decode(query.cursor)[0];
      tunnels.get(params.name);
      const limit = query.limit ?? 50;
      const found = await store.listProbes(params.name, { limit: limit + 1, before });
      const items = found.slice(0, limit);
      const last = items.at(-1);
      const next = found.length > limit && last ? { next: cursor.encode([last.probeId]) } : {};
      return { items: items.map(toProbeView), ...next };
    },
  });
}
