import { setTimeout as delay } from 'node:timers/promises';
import type { TunnelView } from '@lucid/common/apis/tunnels-schemas';
import { AppError } from '@lucid/common/errors';
import type { TunnelsClient } from './tunnels-client.ts';

export interface WaitForTunnelOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Told of each new state of the current address. */
  readonly onState?: (tunnel: TunnelView) => void;
}

const onNetwork: ReadonlySet<TunnelView['state']> = new Set(['published', 'reachable', 'degraded']);

/**
 * Follows a tunnel until its current address is on the network.
 * @throws AppError TUNNEL_WAIT_TIMEOUT with the state it stood in and why; the API's errors
 */
export async function waitForTunnel(
  tunnels: Pick<TunnelsClient, 'getTunnel'>,
  name: string,
  { timeoutMs = 60_000, signal, onState }: WaitForTunnelOptions = {},
): Promise<TunnelView> {
  const until = performance.now() + timeoutMs;
  let last: TunnelView['state'] | undefined;
  for (let waitMs = 50; ; waitMs = Math.min(1000, waitMs * 1.5)) {
    const tunnel = await tunnels.getTunnel({ params: { name } });
    if (tunnel.state !== last) onState?.(tunnel);
    last = tunnel.state;
    if (onNetwork.has(tunnel.state)) return tunnel;
    if (performance.now() > until) {
      const reason = tunnel.services[0]?.reason;
      const why = reason === undefined ? '' : ` (${reason.detail.replace(/\.$/, '')})`;
      throw new AppError('TUNNEL_WAIT_TIMEOUT', `${name} is not on the network yet: it is ${last}${why}.`, {
        status: 504,
        data: { state: last, reason },
      });
    }
    await delay(waitMs, undefined, { signal });
  }
}
