import { createTunnelsClient, type TunnelsClient } from '@lucid/client/tunnels-client';
import { waitForTunnel } from '@lucid/client/wait-for-tunnel';
import type { TunnelView } from '@lucid/common/apis/tunnels-schemas';
import { connectSignedIn, isLoopback, routeTo, tunnelToolsUrlOf } from '../connection.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { cliError } from '../errors.ts';
import { formatFields, type Output } from '../output.ts';

/**
 * Connects to tunnel-tools itself, with the sign-in kept for the platform. That of another machine's platform goes only
 * where somebody said: on this machine anybody may listen on tunnel-tools' usual port. @throws NOT_SIGNED_IN,
 * USAGE_INVALID
 */
export async function connectTunnels(context: CliContext, options: GlobalOptions): Promise<TunnelsClient> {
  const { token, gatewayUrl } = await connectSignedIn(context, options);
  const isNamed = (options.tunnels ?? context.config.tunnelToolsUrl) !== undefined;
  if (!isNamed && !isLoopback(new URL(gatewayUrl).hostname)) {
    const detail = `Say where tunnel-tools is: --tunnels URL. Your sign-in is for ${gatewayUrl}, not for this machine.`;
    throw cliError('USAGE_INVALID', detail);
  }
  const url = tunnelToolsUrlOf(context, options);
  return createTunnelsClient({
    url,
    ...(token === undefined ? {} : { token }),
    // A proxy is for the gateway; tunnel-tools is on the platform's machine, and a name of its network is not tor's.
    ...(new URL(url).hostname.endsWith('.onion') ? await routeTo(context, options, url) : {}),
  });
}

export interface WaitOptions {
  readonly wait?: boolean;
  readonly timeout: number;
}

/** Follows a tunnel to the network where that was asked for, saying each state. */
export async function followTunnel(
  client: TunnelsClient,
  tunnel: TunnelView,
  { wait = false, timeout }: WaitOptions,
  output: Output,
): Promise<TunnelView> {
  if (!wait) return tunnel;
  return await waitForTunnel(client, tunnel.name, {
    timeoutMs: timeout * 1000,
    onState: ({ state }) => output.note(`  ${state}`),
  });
}

/** A tunnel for people. */
export function formatTunnel(tunnel: TunnelView): string {
  const [current, ...retiring] = tunnel.services;
  return formatFields([
    ['tunnel', tunnel.name],
    ['address', tunnel.onionAddress],
    ['state', tunnel.desired === 'stopped' ? `${tunnel.state} (stopped)` : tunnel.state],
    ['reason', current?.reason && `${current.reason.code}: ${current.reason.detail}`],
    ...retiring.map((service) => ['retiring', `${service.onionAddress}, until ${service.retiresAt ?? '?'}`] as const),
    ['declared', tunnel.origin === 'file' ? 'by the operator’s file, which alone changes it' : undefined],
    ['ports', tunnel.ports.map(({ virtualPort, target }) => `${virtualPort} to ${target}`).join(', ')],
    ['let in', tunnel.clientAuth ? `${tunnel.clientCount} by key` : 'everybody'],
    ['proof of work', tunnel.powDefense ? 'when crowded' : 'never'],
    ['streams', tunnel.maxStreams === 0 ? 'no limit' : `${tunnel.maxStreams} for one visitor`],
    ['expires', tunnel.expiresAt ?? undefined],
    ['uploads', current && `${current.uploads.uploaded} of ${current.uploads.requested}`],
    ['last visit', current?.lastProbe && `${current.lastProbe.at}, ${current.lastProbe.ok ? 'arrived' : 'failed'}`],
  ]);
}
