import { type TunnelPort, type TunnelTarget, tunnelTargets } from '@lucid/common/apis/tunnels-schemas';
import { tunnelError } from '../errors.ts';

/** Where a target is reached now, or why its name leads nowhere. */
export interface TargetPlace {
  readonly target: TunnelTarget;
  /** `127.0.0.1:8082`. */
  readonly address?: string;
  readonly reason?: string;
}

/** Finds where the targets are; it looks again by itself, since a container comes back under another address. */
export interface TargetPlaces {
  places(): readonly TargetPlace[];
}

/** Virtual ports and targets as they were asked for. */
interface AskedPort {
  readonly virtualPort?: number;
  readonly target: string;
}

/**
 * The ports of a tunnel. A target is one of the names in `tunnelTargets` and nothing else.
 * @throws TUNNEL_TARGET_REFUSED, TUNNEL_PORT_REPEATED
 */
export function parsePorts(asked: readonly AskedPort[]): TunnelPort[] {
  const ports = asked.map(({ virtualPort, target }) => ({
    virtualPort: virtualPort ?? 80,
    target: parseTarget(target),
  }));
  if (new Set(ports.map(({ virtualPort }) => virtualPort)).size !== ports.length) {
    throw tunnelError('TUNNEL_PORT_REPEATED', 'Each virtual port leads to one target.');
  }
  return ports;
}

function parseTarget(target: string): TunnelTarget {
  const known = tunnelTargets.find((name) => name === target);
  if (known) return known;
  const allowed = tunnelTargets.join(' and ');
  throw tunnelError('TUNNEL_TARGET_REFUSED', `${reasonOf(target)} An onion service leads to ${allowed} only.`);
}

/** In plain words, why this one is not to be reached from outside. */
function reasonOf(target: string): string {
  for (const [pattern, reason] of reasons) if (pattern.test(target)) return reason;
  return 'This is no service that may be published.';
}

const reasons: readonly (readonly [RegExp, string])[] = [
  [/^unix:|\//i, 'A socket or an URL is no target: targets are named.'],
  [/[\d\]]:\d|:\d+$|^\[|^[\d.]+$|^[0-9a-f]*:[0-9a-f:.]*$/i, 'An address is no target: targets are named.'],
  [/mongo|redis|store|data/i, 'A store is never published: whoever reaches it reads everything.'],
  [/^tor|control|socks/i, 'tor itself is never published: its control port gives away every key.'],
  [/^(?:vm|api|ledger|sessions|governance|blockchain-api|openapi-server)$/, 'This service is reached through gateway.'],
];
