// What the stack is meant to be, said once and by hand: the checks compare the running containers with this table,
// never with the Compose files.

/** One network of the stack and who is on it. */
export interface Plane {
  readonly members: readonly string[];
  /** Whether its members reach each other on it. */
  readonly isShared: boolean;
  /** Whether it leads out of the machine. */
  readonly leadsOut: boolean;
}

const inner = { isShared: true, leadsOut: false } as const;

/** With the Tor and Redis overlays and the operator's command, which is everything that can run at once here. */
export const planes: Readonly<Record<string, Plane>> = {
  edge: { members: ['tor-proxy', 'gateway', 'openapi-gateway'], isShared: false, leadsOut: true },
  onion: { members: ['tor-proxy', 'tunnel-tools', 'gateway', 'openapi-gateway', 'server-tools'], ...inner },
  docs: { members: ['openapi-gateway', 'openapi-server'], ...inner },
  ops: {
    members: ['gateway', 'api', 'sessions', 'blockchain-api', 'governance', 'ledger', 'openapi-server'],
    ...inner,
  },
  chain: {
    members: ['api', 'sessions', 'blockchain-api', 'governance', 'ledger', 'vm', 'openapi-server'],
    ...inner,
  },
  data: { members: ['redis'], ...inner },
  loopback: {
    members: ['api', 'sessions', 'blockchain-api', 'governance', 'ledger', 'vm', 'openapi-server'],
    isShared: false,
    leadsOut: false,
  },
};

/** The only port each container listens on. */
export const ports: Readonly<Record<string, number>> = {
  'openapi-gateway': 8080,
  'openapi-server': 8081,
  gateway: 8082,
  api: 8083,
  'blockchain-api': 8084,
  governance: 8085,
  ledger: 8086,
  sessions: 8087,
  vm: 8088,
  'tor-proxy': 9050,
  'tunnel-tools': 7000,
  redis: 6379,
};

/** The nine services of compose.yaml. */
export const nine: readonly string[] = Object.keys(ports).slice(0, 9);

/**
 * What a machine beside this one may reach by sending its packets for the containers' addresses by way of it: Docker
 * before 28 lets them through to a published port, whatever address that is published on.
 */
export const openToNeighbours: readonly string[] = ['gateway on edge', 'openapi-gateway on edge'];

/** What this machine itself listens on for the stack, all on 127.0.0.1. */
export const publishedPorts: readonly number[] = nine.map((name) => ports[name] ?? 0);

/** The planes a container is on. */
export function planesOf(service: string): string[] {
  return Object.entries(planes).flatMap(([name, { members }]) => (members.includes(service) ? [name] : []));
}

/** Whether `from` may reach the address `to` has on a plane. */
export function mayReach(from: string, plane: string): boolean {
  const { members, isShared } = planes[plane] ?? { members: [], isShared: false };
  return isShared && members.includes(from);
}
