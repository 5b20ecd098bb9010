import { tunnelsApi } from '@lucid/common/apis/tunnels';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import { createClient, revokeClient } from '../domain/clients.ts';
import type { Tunnels } from '../domain/tunnels.ts';
import { askerOf } from './asker.ts';
import { toClientView } from './views.ts';

const cursor = cursorCodec('tunnel-clients@1', ['integer', 'string']);

/** Who is let in to a tunnel. */
export async function clientRoutes(app: FastifyInstance, tunnels: Tunnels) {
  await implement(app, tunnelsApi, {
    createTunnelClient: async ({ params, body, identity, request, reply }) => {
      const { client, authPrivate } = await createClient(tunnels, params.name, body, askerOf(identity, request));
      reply.header('cache-control', 'no-store');
      return { ...toClientView(client), ...(authPrivate === undefined ? {} : { authPrivate }) };
    },
    listTunnelClients: ({ params, query }) => {
      const after = query.cursor === undefined ? undefined : cursor.decode(query.cursor);
      const limit = query.limit ?? 50;
      const rest = tunnels
        .get(params.name)
        .clients.toSorted((a, b) => a.createdAt - b.createdAt || (a.clientId < b.clientId ? -1 : 1))
        .filter(({ createdAt, clientId }) => isAfter([createdAt, clientId], after));
      const items = rest.slice(0, limit);
      const last = items.at(-1);
      const next = rest.length > limit && last ? { next: cursor.encode([last.createdAt, last.clientId]) } : {};
      return { items: items.map(toClientView), ...next };
    },
    revokeTunnelClient: async ({ params, identity, request }) => {
      await revokeClient(tunnels, params.name, params.clientId, askerOf(identity, request));
      return undefined;
    },
  });
}

type Place = readonly [createdAt: number, clientId: string];

function isAfter([createdAt, clientId]: Place, after: Place | undefined): boolean {
  return !after || createdAt > after[0] || (createdAt === after[0] && clientId > after[1]);
}
