import { tunnelsApi } from '@lucid/common/apis/tunnels';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import type { FileState } from '../domain/declared-file.ts';
import type { Observations } from '../domain/observations.ts';
import type { Reconciler } from '../domain/reconciler.ts';
import type { TunnelStore } from '../domain/stores.ts';
import type { TargetPlaces } from '../domain/targets.ts';
import type { Tor } from '../domain/tor.ts';
import type { Tunnels } from '../domain/tunnels.ts';
import { toEventView } from './views.ts';

export interface StateDeps {
  readonly version: string;
  readonly tunnels: Tunnels;
  readonly observations: Observations;
  readonly reconciler: Reconciler;
  readonly store: TunnelStore;
  readonly targets: TargetPlaces;
  readonly tor: Tor;
  /** The operator's file, where there is one. */
  readonly file: { readonly state: FileState } | undefined;
}

const cursor = cursorCodec('tunnel-events@1', ['integer']);

/** What is seen of tor and the tunnels, what would be changed now, what happened. */
export async function stateRoutes(app: FastifyInstance, deps: StateDeps) {
  const { version, tunnels, observations, reconciler, store, targets, tor, file } = deps;
  await implement(app, tunnelsApi, {
    getTunnelStatus: async ({ reply }) => {
      reply.header('cache-control', 'no-store');
      const all = tunnels.list();
      const states = all.map(({ services: [{ onionAddress }] }) => observations.find(onionAddress)?.state ?? 'absent');
      return {
        service: 'tunnel-tools' as const,
        version,
        tor: await tor.readStatus(),
        tunnels: {
          declared: all.length,
          onNetwork: states.filter((state) => state !== 'absent' && state !== 'publishing').length,
          degraded: states.filter((state) => state === 'degraded').length,
        },
        ...(file ? { file: { ...file.state } } : {}),
        targets: targets.places().map((place) => ({ ...place })),
      };
    },
    getTunnelPlan: async ({ reply }) => {
      reply.header('cache-control', 'no-store');
      const { steps, held, foreign } = await reconciler.plan();
      return {
        steps: steps.map(({ action, onionAddress, tunnel, reason }) => ({
          action,
          onionAddress,
          ...(tunnel === undefined ? {} : { tunnel }),
          reason,
        })),
        held: held.map(({ tunnel, onionAddress, reason }) => ({ tunnel, onionAddress, reason: { ...reason } })),
        foreign: [...foreign],
      };
    },
    listTunnelEvents: async ({ query }) => {
      const before = query.cursor === undefined ? undefined : cursor.decode(query.cursor)[0];
      const limit = query.limit ?? 50;
      const found = await store.listEvents({ limit: limit + 1, before, tunnel: query.tunnel });
      const items = found.slice(0, limit);
      const last = items.at(-1);
      const next = found.length > limit && last ? { next: cursor.encode([last.eventId]) } : {};
      return { items: items.map(toEventView), ...next };
    },
  });
}
