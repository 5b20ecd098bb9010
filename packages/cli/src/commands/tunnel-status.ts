import type { TunnelsClient } from '@lucid/client/tunnels-client';
import type { TorStatusView } from '@lucid/common/apis/tunnels-schemas';
import { isAppError } from '@lucid/common/errors';
import type { Run } from '../command.ts';
import { exitCodes } from '../errors.ts';
import { formatFields } from '../output.ts';
import { connectTunnels } from '../tunnel/tunnels.ts';

type Plan = Awaited<ReturnType<TunnelsClient['getTunnelPlan']>>;

/** tor, the targets and the tunnels; not all well is an exit code of its own. */
export const run: Run<object> = async (context, output, options) => {
  const client = await connectTunnels(context, options);
  const status = await client.getTunnelStatus();
  const plan = await client.getTunnelPlan().catch((error: unknown): undefined => {
    if (!isAppError(error, 'TOR_UNAVAILABLE')) throw error;
  });
  const { tor, tunnels, targets, file } = status;
  const text = formatFields([
    ...torFields(tor),
    ['tunnels', `${tunnels.onNetwork} of ${tunnels.declared} on the network, ${tunnels.degraded} degraded`],
    ['file', file && (file.problem ?? `obeyed as it was at ${file.readAt ?? 'the start'}`)],
    ...targets.map(({ target, address, reason }) => [target, address ?? reason] as const),
    ...planFields(plan),
  ]);
  output.result({ ...status, plan }, text);
  const isWell = tor.isConnected && tor.bootstrap?.progress === 100 && plan?.held.length === 0;
  return isWell ? exitCodes.ok : exitCodes.unavailable;
};

type Fields = readonly (readonly [string, string | number | undefined])[];

function torFields(tor: TorStatusView): Fields {
  const { bootstrap, version, isVersionSafe, versionStatus } = tor;
  const since = `${tor.isConnected ? 'connected' : 'away'} since ${tor.since}`;
  return [
    ['tor', tor.reason === undefined ? since : `${since}: ${tor.reason}`],
    ['version', version && `${version}${isVersionSafe === false ? `, not safe (${versionStatus ?? 'too old'})` : ''}`],
    ['bootstrap', bootstrap && `${bootstrap.progress} %, ${bootstrap.summary}`],
    ['warning', bootstrap?.warning],
    ['circuits', tor.circuitCount],
    ['clock', tor.clockSkewSec === undefined ? undefined : `off by ${tor.clockSkewSec} s, tor says`],
  ];
}

function planFields(plan: Plan | undefined): Fields {
  if (plan === undefined) return [];
  return [
    ...plan.steps.map(({ action, onionAddress, reason }) => ['to do', `${action} ${onionAddress}: ${reason}`] as const),
    ...plan.held.map(({ tunnel, reason }) => ['held back', `${tunnel}: ${reason.detail}`] as const),
    ...plan.foreign.map((onionAddress) => ['not ours', onionAddress] as const),
  ];
}
