import { tunnelsApi } from '@lucid/common/apis/tunnels';
import type { TunnelView } from '@lucid/common/apis/tunnels-schemas';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { IdempotencyStore } from '@lucid/common/storage/idempotency';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { renderSVG } from 'uqr';
import type { Observations } from '../domain/observations.ts';
import { encodeKeyFiles } from '../domain/onion-key.ts';
import type { Tor } from '../domain/tor.ts';
import type { Tunnel } from '../domain/tunnel.ts';
import type { Tunnels } from '../domain/tunnels.ts';
import { tunnelError } from '../errors.ts';
import { askerOf } from './asker.ts';
import { onceByKey } from './idempotency.ts';
import { toTunnelView } from './views.ts';

export interface TunnelDeps {
  readonly tunnels: Tunnels;
  readonly observations: Observations;
  readonly answers: IdempotencyStore;
  readonly tor: Tor;
}

const cursor = cursorCodec('tunnels@1', ['string']);

/** Tunnels: declaring, changing, moving and taking them down. */
export async function tunnelRoutes(app: FastifyInstance, { tunnels, observations, answers, tor }: TunnelDeps) {
  const toView = (tunnel: Tunnel) => toTunnelView(tunnel, observations);
  const answer = (reply: FastifyReply, view: TunnelView): TunnelView => {
    reply.header('etag', `"${view.version}"`);
    return view;
  };
  await implement(app, tunnelsApi, {
    createTunnel: async ({ body, identity, request, reply }) => {
      const asker = askerOf(identity, request);
      const work = onceByKey(answers, { request, reply, identity }, toView, async (companion) =>
        tunnels.create(body, asker, companion),
      );
      return answer(reply, await work);
    },
    listTunnels: ({ query }) => {
      const after = query.cursor === undefined ? '' : cursor.decode(query.cursor)[0];
      const limit = query.limit ?? 50;
      const rest = tunnels.list().filter(({ name }) => name > after);
      const items = rest.slice(0, limit).map(toView);
      const last = items.at(-1);
      return { items, ...(rest.length > limit && last ? { next: cursor.encode([last.name]) } : {}) };
    },
    getTunnel: ({ params, reply }) => answer(reply, toView(tunnels.get(params.name))),
    updateTunnel: async ({ params, body, identity, request, reply }) =>
      answer(
        reply,
        toView(await tunnels.update(params.name, body, versionAskedFor(request), askerOf(identity, request))),
      ),
    deleteTunnel: async ({ params, identity, request }) => {
      await tunnels.delete(params.name, versionAskedFor(request), askerOf(identity, request));
      return undefined;
    },
    getTunnelQr: ({ params, reply }) => {
      const [{ onionAddress }] = tunnels.get(params.name).services;
      const svg = renderSVG(`http://${onionAddress}`, { border: 2 });
      return reply.header('cache-control', 'no-store').type('image/svg+xml').send(svg);
    },
    rotateTunnel: async ({ params, body, identity, request, reply }) => {
      const options = { graceSec: body.graceSec, version: versionAskedFor(request) };
      const asker = askerOf(identity, request);
      const work = onceByKey(answers, { request, reply, identity }, toView, async (companion) =>
        tunnels.rotate(params.name, options, asker, companion),
      );
      return answer(reply, await work);
    },
    refreshTunnel: async ({ params, identity, request, reply }) => {
      tunnels.getPublished(params.name);
      if (!tor.isConnected) throw tunnelError('TOR_UNAVAILABLE', 'tor does not answer on its control socket.');
      return answer(reply, toView(await tunnels.refresh(params.name, askerOf(identity, request))));
    },
    exportTunnelKey: async ({ params, body, identity, request, reply }) => {
      const key = await tunnels.exportKey(params.name, body.confirm, askerOf(identity, request));
      request.log.warn({ tunnel: params.name, subject: identity.subject }, 'the private key of a tunnel was exported');
      reply.header('cache-control', 'no-store');
      const { secretKey, publicKey } = encodeKeyFiles(key);
      return {
        onionAddress: key.onionAddress,
        secretKey: secretKey.toString('base64'),
        publicKey: publicKey.toString('base64'),
      };
    },
  });
}

/** The version `If-Match` names, which its schema holds to be a number in quotes. */
function versionAskedFor(request: FastifyRequest): number | undefined {
  const tag = request.headers['if-match'];
  return tag === undefined ? undefined : Number(tag.slice(1, -1));
}
