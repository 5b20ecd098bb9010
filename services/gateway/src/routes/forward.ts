import assert from 'node:assert/strict';
import type { GatewayFamily } from '@lucid/common/apis/gateway';
import { gatewayPath } from '@lucid/common/apis/gateway';
import { toFastifyPath } from '@lucid/common/http/implement';
import { defaultLimits } from '@lucid/common/http/service';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ClientGone } from '../domain/client-gone.ts';
import { type Header, pairsOf, requestHeaders } from '../domain/headers.ts';
import { parseTarget } from '../domain/request-target.ts';
import { blockedRoute, type Route, type RouteTable } from '../domain/route-table.ts';
import type { RequestBody, Upstream } from '../domain/upstream.ts';
import { gatewayError } from '../errors.ts';
import { replySink } from './reply-sink.ts';

/** Status written to the log when the client left before an answer; it is never sent. */
const clientGoneStatus = 499;
/** The services document their own operations; the merged document gathers them. */
const undocumented: object = { hide: true };
/** How long a refused upload is read on, so that the client gets to read the refusal, ms. */
const lingerMs = 1000;

/** Registers every route of the table: the forwarded ones with their operation's access rule, the blocked as unknown. */
export async function forwardRoutes(
  app: FastifyInstance,
  table: RouteTable,
  upstreams: Readonly<Record<GatewayFamily, Upstream>>,
): Promise<void> {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    for (const route of table.forwarded) {
      const { access } = route.operation;
      scope.route({
        method: route.method,
        url: toFastifyPath(route.path),
        config: { operationId: route.operationId, access, operation: route.operation },
        schema: undocumented,
        handler: async (request, reply) => await forward(request, reply, route, upstreams[route.family]),
      });
    }
    for (const { method, path } of table.blocked) {
      scope.route({
        method,
        url: toFastifyPath(path),
        config: { operationId: blockedRoute, access: 'public' },
        schema: undocumented,
        // The guard has answered.
        handler: () => assert.fail('a blocked route was reached'),
      });
    }
  });
  lingerAfterRefusals(app);
}

async function forward(request: FastifyRequest, reply: FastifyReply, route: Route, upstream: Upstream) {
  const { path, query } = parseTarget(request.raw.url ?? '');
  const upstreamPath = path.slice(gatewayPath(route.family, '/').length) || '/';
  const body = bodyOf(request, route);
  if (body && request.headers.expect !== undefined) reply.raw.writeContinue();
  try {
    await upstream.send(
      { method: request.method, path: `${upstreamPath}${query}`, headers: headersOf(request), body },
      replySink(reply),
      (listener) => void reply.raw.once('close', listener),
    );
  } catch (error) {
    if (!(error instanceof ClientGone)) throw error;
    reply.code(clientGoneStatus).hijack();
    reply.raw.destroy();
  }
  return reply;
}

function headersOf(request: FastifyRequest): Header[] {
  return requestHeaders(pairsOf(request.raw.rawHeaders), {
    clientAddress: request.socket.remoteAddress ?? 'unknown',
    host: request.headers.host ?? '',
    protocol: request.protocol,
    requestId: request.id,
    traceparent: request.trace.traceparent,
  });
}

/** The request's body, if there is one. @throws GATEWAY_REQUEST_AMBIGUOUS for a body no method reads */
function bodyOf({ method, raw }: FastifyRequest, { operation }: Route): RequestBody | undefined {
  const { 'content-length': length, 'transfer-encoding': encoding } = raw.headers;
  if (encoding === undefined && Number(length ?? 0) === 0) return undefined;
  if (method === 'GET' || method === 'HEAD') {
    throw gatewayError('GATEWAY_REQUEST_AMBIGUOUS', `A ${method} has no body.`);
  }
  return {
    source: raw,
    bytesMax: operation.bodyBytesMax ?? defaultLimits.bodyBytesMax,
    length: length === undefined ? undefined : Number(length),
  };
}

/**
 * A request refused before its body was read: what still comes is thrown away for a moment, then the connection is
 * cut. Closing at once would let the reset overtake the answer; reading it all would be an upload for nothing.
 */
function lingerAfterRefusals(app: FastifyInstance): void {
  app.addHook('onResponse', (request, _reply, done) => {
    const { raw } = request;
    if (!raw.complete && !raw.destroyed) {
      const timer = setTimeout(() => raw.complete || raw.socket.destroy(), lingerMs);
      raw.once('close', () => clearTimeout(timer));
    }
    done();
  });
}
