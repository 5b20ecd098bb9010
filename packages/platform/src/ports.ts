import { createServer, type Server } from 'node:net';

/** The nine services, in the order of their ports. */
export const serviceNames = [
  'openapi-gateway',
  'openapi-server',
  'gateway',
  'api',
  'blockchain-api',
  'governance',
  'ledger',
  'sessions',
  'vm',
] as const;

export type ServiceName = (typeof serviceNames)[number];
export type Ports = Readonly<Record<ServiceName, number>>;

/** Nine ports in a row; `portsFrom(8080)` is where everybody expects them. */
export function portsFrom(firstPort: number): Ports {
  return Object.fromEntries(serviceNames.map((name, index) => [name, firstPort + index])) as Ports;
}

/** The first of nine ports in a row that nobody listens on now, for a platform beside another one. */
export async function findFirstPort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    // Below the range from which the system takes ports for outgoing connections (32768 and up on Linux).
    const candidate = 10_000 + 10 * Math.floor(Math.random() * 2000);
    const attempts = await Promise.allSettled(serviceNames.map((_, index) => listen(host, candidate + index)));
    const servers = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    if (servers.length === serviceNames.length) return candidate;
  }
}

function listen(host: string, port: number): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const server = createServer();
  server.once('error', reject).listen(port, host, () => resolve(server));
  return promise;
}
