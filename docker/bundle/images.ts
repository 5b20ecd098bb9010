/** An image of a Node program: what is in it and what its environment says. */
export interface Image {
  /** The image's tag, after `pickme/lucid:`. */
  readonly tag: string;
  readonly title: string;
  /** `service` listens and has a health check; `tool` runs one command and ends. */
  readonly kind: 'service' | 'tool';
  /** The program, from the root. */
  readonly entry: string;
  /**
   * Programs of threads, by the name of their file beside the bundle. An image with threads has no `NODE_OPTIONS`: a
   * heap limit given there would be each thread's own, whatever the program says.
   */
  readonly threads?: Readonly<Record<string, string>>;
  /** The folder under /var/lib, the only one the program writes to. */
  readonly state: string;
  /** Variables begin with it: `<PREFIX>_HOST`, `<PREFIX>_DATA_DIR`. */
  readonly prefix: string;
  /** The port it listens on. A tool has none. */
  readonly port?: number;
  /** The variable of the port, `<PREFIX>_PORT` where not said. */
  readonly portVariable?: string;
  /** How many ports in a row it listens on; each must be ready. 1 where not said. */
  readonly ports?: number;
}

const vmThread = { worker: 'services/vm/src/worker.ts' };

const service = (tag: string, folder: string, port: number, title: string): Image => ({
  tag,
  title,
  kind: 'service',
  entry: `services/${folder}/src/main.ts`,
  state: folder,
  prefix: folder.toUpperCase().replaceAll('-', '_'),
  port,
});

/** Every image that holds a Node program. `docker-bake.hcl` repeats the table; a test holds the two together. */
export const images: readonly Image[] = [
  service('openapi-gateway', 'openapi-gateway', 8080, "The documentation's public edge"),
  service('openapi-server', 'openapi-server', 8081, 'The merged OpenAPI document'),
  service('api-gateway', 'gateway', 8082, 'The one door of clients'),
  service('api-server', 'api', 8083, 'Users, sign-in, tokens, policies'),
  service('blockchain-api', 'blockchain-api', 8084, "The chain's public face and the anchor queue"),
  service('blockchain-governance', 'governance', 8085, 'Proposals, votes, execution'),
  service('blockchain-ledger', 'ledger', 8086, 'The append-only verifiable log'),
  service('blockchain-sessions', 'sessions', 8087, 'Sessions, chunks, seals, proof bundles'),
  service('tunnel-tools', 'tunnel-tools', 7000, 'Onion services: declared, published, verified'),
  { ...service('blockchain-vm', 'vm', 8088, 'The EVM chain'), threads: vmThread },
  {
    ...service('standalone-blockchain-api', 'blockchain-api', 8084, 'blockchain-api, vm and ledger in one process'),
    entry: 'services/blockchain-api/src/standalone/main.ts',
    threads: vmThread,
  },
  {
    tag: 'server-tools',
    title: 'The lucid command',
    kind: 'tool',
    entry: 'packages/cli/src/main.ts',
    state: 'server-tools',
    prefix: 'LUCID',
  },
  {
    tag: 'platform',
    title: 'The nine services in one process',
    kind: 'service',
    entry: 'packages/platform/src/main.ts',
    threads: vmThread,
    state: 'platform',
    prefix: 'LUCID',
    port: 8080,
    portVariable: 'LUCID_FIRST_PORT',
    ports: 9,
  },
];
