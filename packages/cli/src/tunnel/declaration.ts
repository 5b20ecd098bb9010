import { type TunnelChangeBody, type TunnelTarget, tunnelTargets } from '@lucid/common/apis/tunnels-schemas';
import { cliError } from '../errors.ts';

/** The options a tunnel is declared or changed by. */
export interface DeclarationOptions {
  readonly port?: readonly string[];
  readonly clientAuth?: boolean;
  readonly pow?: boolean;
  readonly maxStreams?: number;
  readonly ttl?: number | null;
}

type Ports = NonNullable<TunnelChangeBody['ports']>;

/** What was said of a tunnel, and nothing of what was not. @throws USAGE_INVALID */
export function readDeclaration({ port, clientAuth, pow, maxStreams, ttl }: DeclarationOptions): TunnelChangeBody {
  return {
    ...(port === undefined ? {} : { ports: port.map(readPort) }),
    ...(clientAuth === undefined ? {} : { clientAuth }),
    ...(pow === undefined ? {} : { powDefense: pow }),
    ...(maxStreams === undefined ? {} : { maxStreams }),
    ...(ttl === undefined ? {} : { ttlSec: ttl }),
  };
}

/** What a tunnel leads to where nothing is said. */
export const defaultPorts: Ports = [{ virtualPort: 80, target: 'gateway' satisfies TunnelTarget }];

function readPort(text: string): Ports[number] {
  const { virtual, target } = /^(?:(?<virtual>\d{1,5})=)?(?<target>\S+)$/.exec(text)?.groups ?? {};
  if (target === undefined) {
    const example = `80=${tunnelTargets[0]}`;
    throw cliError('USAGE_INVALID', `--port takes a port and what it leads to, such as ${example}, not "${text}".`);
  }
  return { virtualPort: virtual === undefined ? 80 : Number(virtual), target };
}
