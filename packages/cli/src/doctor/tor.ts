import { tunnelsApi } from '@lucid/common/apis/tunnels';
import type { TorStatusView } from '@lucid/common/apis/tunnels-schemas';
import { isAppError } from '@lucid/common/errors';
import { ApiError, createClient } from '@lucid/common/http/client';
import type { Finding } from './finding.ts';

const timeoutMs = 3000;
const id = 'tor';
const why = 'Onion addresses lead here through it; releases before 0.4.9.11 have known holes.';

export interface TunnelTools {
  readonly url: string;
  /** Whether somebody named the address, so that tunnel-tools is expected there. */
  readonly isNamed: boolean;
  readonly token: (() => Promise<string | undefined>) | undefined;
}

/**
 * tor and the platform's onion services, as tunnel-tools sees them. It tells an admin only; but an admin's token goes
 * only where somebody named the address: on a machine without tunnel-tools anybody may listen on its usual port.
 */
export async function checkTor({ url, isNamed, token }: TunnelTools): Promise<Finding[]> {
  try {
    const client = createClient(tunnelsApi, {
      baseUrl: url,
      timeoutMs,
      attemptsMax: 1,
      ...(isNamed && token ? { token } : {}),
    });
    const { tor, tunnels } = await client.getTunnelStatus();
    return [torFinding(tor), tunnelsFinding(tunnels)];
  } catch (error) {
    if (!isAppError(error)) throw error;
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
      const found = `tunnel-tools runs at ${url}; it tells more to an admin who is signed in (lucid login) and names it (TUNNEL_TOOLS_URL=${url}).`;
      return [{ id, severity: 'info', found, why }];
    }
    if (!isNamed) return [{ id, severity: 'info', found: `No tunnel-tools at ${url}: no onion addresses.`, why }];
    const fix = 'docker compose logs tunnel-tools tor-proxy';
    return [{ id, severity: 'fail', found: `No answer from tunnel-tools at ${url}: ${error.message}`, why, fix }];
  }
}

function torFinding(tor: TorStatusView): Finding {
  const { version = 'of unknown version', bootstrap } = tor;
  if (!tor.isConnected) {
    const found = `tor cannot be asked: ${tor.reason ?? 'it does not say why'}.`;
    return { id, severity: 'fail', found, why, fix: 'docker compose logs tor-proxy' };
  }
  if (tor.isVersionSafe === false) {
    const fix = 'docker compose pull tor-proxy && docker compose up -d tor-proxy';
    return { id, severity: 'fail', found: `tor ${version} is not safe any more.`, why, fix };
  }
  if (bootstrap && bootstrap.progress < 100) {
    const found = `tor ${version} is ${bootstrap.progress} % connected: ${bootstrap.warning ?? bootstrap.summary}.`;
    const fix =
      'Wait a minute. If it stays: look at the clock, and whether this network lets tor out (bridges may help).';
    return { id, severity: 'warn', found, why, fix };
  }
  return { id, severity: 'ok', found: `tor ${version} is connected.`, why };
}

function tunnelsFinding({
  declared,
  onNetwork,
  degraded,
}: Readonly<Record<'declared' | 'onNetwork' | 'degraded', number>>): Finding {
  const finding = { id: 'tunnels', why: 'An address nobody can reach is no address.' } as const;
  const found = `${declared} declared, ${onNetwork} on the network, ${degraded} not reached by probes.`;
  if (degraded === 0) return { ...finding, severity: 'ok', found };
  return {
    ...finding,
    severity: 'warn',
    found,
    fix: 'lucid tunnel list names them, lucid tunnel verify NAME says why.',
  };
}
