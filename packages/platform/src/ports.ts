import { createServer } from 'node:net';

/** The nine services and the port each has when nothing else is said. */
export const servicePorts = {
  'openapi-gateway': 8080,
  'openapi-server': 8081,
  gateway: 8082,
  api: 8083,
  'blockchain-api': 8084,
  governance: 8085,
  ledger: 8086,
  sessions: 8087,
  vm: 8088,
} as const;

export type ServiceName = keyof typeof servicePorts;
export type Ports = Readonly<Record<ServiceName, number>>;

export const serviceNames = Object.keys(servicePorts) as ServiceName[];

/** Nine ports nobody listens on now, for a platform beside another one. */
export async function findFreePorts(host = '127.0.0.1'): Promise<Ports> {
  const servers = await Promise.all(serviceNames.map(() => listenAnywhere(host)));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return Object.fromEntries(serviceNames.map((name, index) => [name, ports[index] ?? 0])) as Ports;
}

function listenAnywhere(host: string) {
  const { promise, resolve, reject } = Promise.withResolvers<ReturnType<typeof createServer>>();
  const server = createServer();
  server.once('error', reject).listen(0, host, () => resolve(server));
  return promise;
}
