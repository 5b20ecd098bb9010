import { type GatewayFamily, type GatewayStatus, gatewayApi } from '@lucid/common/apis/gateway';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import type { Upstream } from '../domain/upstream.ts';

export interface StatusOptions {
  readonly version: string;
  readonly requestsPerMinute: () => number;
  readonly upstreams: Readonly<Record<GatewayFamily, Upstream>>;
}

/** An answer is used again for this long, so that asking often costs the services nothing, ms. */
const lifeMs = 500;

/** `GET /status`: the gateway and every service behind it. */
export async function statusRoutes(app: FastifyInstance, options: StatusOptions): Promise<void> {
  let held: { readonly at: number; readonly status: Promise<GatewayStatus> } | undefined;
  await implement(app, gatewayApi, {
    getStatus: async ({ reply }) => {
      if (!held || performance.now() - held.at > lifeMs) {
        held = { at: performance.now(), status: readStatus(options) };
      }
      reply.header('cache-control', 'no-store');
      return await held.status;
    },
  });
}

async function readStatus({ version, requestsPerMinute, upstreams }: StatusOptions): Promise<GatewayStatus> {
  const states = await Promise.all(
    Object.entries(upstreams).map(async ([family, upstream]) => {
      const { status, failing } = await upstream.health();
      const { service, circuit, requestsInFlight } = upstream;
      return { family, service, status, circuit, requestsInFlight, failing: [...failing] };
    }),
  );
  const isReady = states.every(({ status }) => status === 'ready');
  return {
    service: 'gateway',
    version,
    status: isReady ? 'ready' : 'degraded',
    requestsPerMinute: requestsPerMinute(),
    upstreams: states,
  };
}
