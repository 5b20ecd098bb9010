import type { TorStatusView } from '@lucid/common/apis/tunnels-schemas';
import { isSafeTor } from '../../domain/tor-version.ts';
import { parsePairs } from './values.ts';

/** What one GETINFO asks for the status. */
export const statusKeys =
  'version status/bootstrap-phase status/circuit-established network-liveness status/version/current circuit-status';

/** tor's answers, in this service's words. */
export function parseStatus(info: ReadonlyMap<string, string>): Omit<TorStatusView, 'isConnected' | 'since'> {
  const version = info.get('version') ?? '';
  const versionStatus = info.get('status/version/current');
  const circuits = (info.get('circuit-status') ?? '').split('\n').filter((line) => line !== '');
  return {
    version,
    isVersionSafe: isSafeTor(version, versionStatus),
    ...(versionStatus === undefined ? {} : { versionStatus }),
    bootstrap: parseBootstrap(info.get('status/bootstrap-phase') ?? ''),
    isCircuitEstablished: info.get('status/circuit-established') === '1',
    isNetworkLive: info.get('network-liveness') === 'up',
    circuitCount: circuits.length,
  };
}

/** `NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"` (control-spec, status/bootstrap-phase). */
export function parseBootstrap(text: string): NonNullable<TorStatusView['bootstrap']> {
  const pairs = parsePairs(text);
  const progress = Number(pairs.get('PROGRESS'));
  const warning = pairs.get('WARNING');
  return {
    progress: Number.isInteger(progress) && progress >= 0 && progress <= 100 ? progress : 0,
    tag: pairs.get('TAG') ?? 'unknown',
    summary: pairs.get('SUMMARY') ?? '',
    ...(warning === undefined ? {} : { warning }),
  };
}

/** The numbers of the circuits on which visitors of these onion services are, in `circuit-status` (control-spec). */
export function visitorCircuits(circuits: string, onionAddresses: ReadonlySet<string>): string[] {
  return circuits.split('\n').flatMap((line) => {
    const pairs = parsePairs(line);
    const circuitId = /^[A-Za-z0-9]{1,16}(?= )/.exec(line)?.[0];
    const isVisited = onionAddresses.has(`${pairs.get('REND_QUERY')}.onion`);
    return circuitId !== undefined && isVisited && pairs.get('PURPOSE') === 'HS_SERVICE_REND' ? [circuitId] : [];
  });
}
