import type { Evidence } from './evidence.ts';

/** One claim of the seed and what is true. */
export interface Claim {
  readonly seed: string;
  /** `holds`, or what is the matter with it. */
  readonly verdict: 'holds' | 'holds otherwise' | 'does not hold' | 'cannot be measured here' | 'not built';
  /** What was found, with the figures of the last runs. */
  readonly truth: (evidence: Evidence) => string;
  /** The command that finds it. */
  readonly by: string;
}

/** An image as the seed has it. */
export interface SeedImage {
  readonly tag: string;
  readonly base: 'base' | 'python3';
  /** Megabytes, where the seed gives a figure. */
  readonly claimedMegabytes?: number;
  readonly port?: number;
}

export const seedImages: readonly SeedImage[] = [
  { tag: 'tor-proxy', base: 'base', claimedMegabytes: 150 },
  { tag: 'api-server', base: 'python3', claimedMegabytes: 300 },
  { tag: 'api-gateway', base: 'base', claimedMegabytes: 80 },
  { tag: 'tunnel-tools', base: 'python3', claimedMegabytes: 120 },
  { tag: 'server-tools', base: 'base', claimedMegabytes: 160 },
  { tag: 'blockchain-api', base: 'python3', port: 8084 },
  { tag: 'blockchain-governance', base: 'python3', port: 8085 },
  { tag: 'blockchain-ledger', base: 'python3', port: 8086 },
  { tag: 'blockchain-sessions', base: 'python3', port: 8087 },
  { tag: 'blockchain-vm', base: 'python3', port: 8088 },
  { tag: 'openapi-server', base: 'python3', port: 8081 },
  { tag: 'openapi-gateway', base: 'base', port: 8080 },
  { tag: 'infrastructure-dev', base: 'python3', port: 2222 },
  { tag: 'standalone-blockchain-api', base: 'python3', port: 8084 },
];

export const claims: readonly Claim[] = [
  {
    seed: 'Fourteen distroless services, 100 % coverage',
    verdict: 'holds otherwise',
    truth: (e) =>
      `Fourteen images, thirteen of them distroless (audit: ${e.count('audit ')}). \`infrastructure-dev\` is a development environment: it has a shell and says so in a label. Two more support the fourteen: \`platform\` (nine services in one process, for small boards) and \`redis\`.`,
    by: 'pnpm images',
  },
  {
    seed: 'AMD64 and ARM64',
    verdict: 'holds',
    truth: (e) =>
      `Every image is built for both. Run on both: ${e.step('runs on both architectures')}. The whole stack on ARM64: ${e.stack('nine services on emulated ARM64')}.`,
    by: 'pnpm images, pnpm stack',
  },
  {
    seed: '60 % average size reduction; ~150, 300, 80, 120, 160 MB for the first five',
    verdict: 'holds otherwise',
    truth: (e) =>
      `The seed’s “before” images do not exist, so no percentage can be measured. What counts on a Pi is what the images take together, since they share their base: ${e.together()}. The table below has each. ${larger(e)}`,
    by: 'pnpm images',
  },
  {
    seed: '60 %+ smaller downloads to the Pi',
    verdict: 'holds otherwise',
    truth: (e) => `Pulled, ARM64: ${e.together()}. There is no earlier download to compare with.`,
    by: 'pnpm images',
  },
  {
    seed: '40-60 % less memory per service',
    verdict: 'does not hold',
    truth: (e) =>
      `A base image without a shell saves no memory: the process is the same (${e.step('beside an ordinary image')}). Measured instead: the nine services idle, ${e.stack('idle memory of the 9')}. In one process: ${e.stack('idle memory of platform')}.`,
    by: 'pnpm images, pnpm stack',
  },
  {
    seed: '30-50 % faster container start',
    verdict: 'does not hold',
    truth: (e) =>
      `Nor does it start faster: bundling and the compile cache do (${e.step('beside an ordinary image')}). All nine healthy: ${e.stack('time until all are healthy')}; ${e.stack('start of each service')}.`,
    by: 'pnpm stack',
  },
  {
    seed: '80 % vulnerability reduction',
    verdict: 'cannot be measured here',
    truth: (e) =>
      `It depends on a database of the day, and on an image nobody has. What can be said: ${surface(e)}; Debian packages against the archive and its security updates: ${e.step('Debian packages are the newest')}. The release workflow scans with Trivy and Grype and stops at a fixable HIGH.`,
    by: 'pnpm images',
  },
  {
    seed: 'No shell in runtime containers',
    verdict: 'holds',
    truth: (e) =>
      `No shell, package manager, interpreter but Node, or network tool in thirteen images (audit: ${e.count('audit ')}). In the running stack: ${e.stack('no shell to enter')}.`,
    by: 'pnpm images, pnpm stack',
  },
  {
    seed: 'Non-root, user lucid, UID 1000',
    verdict: 'holds',
    truth: (e) =>
      `1000:1000 in every image but the development one, whose user is \`node\`, 1000. In the running stack: ${e.stack('nothing runs as root')}. One container is root, once: \`claim\`, with no network and one capability, hands an empty data folder to UID 1000 and ends.`,
    by: 'pnpm images, pnpm stack',
  },
  {
    seed: 'Only essential binaries: curl, nc, jq, tor as required',
    verdict: 'holds otherwise',
    truth: (e) => `Fewer: ${surface(e)}. None has curl, nc or jq.`,
    by: 'pnpm images',
  },
  {
    seed: 'Health checks without a shell',
    verdict: 'holds',
    truth: (e) =>
      `Exec form in every image (audit: ${e.count('audit ')}): a socket and \`/readyz\` in Node, a static program in tor-proxy and redis. \`server-tools\` runs one command and has none.`,
    by: 'pnpm images',
  },
  {
    seed: 'Google’s distroless images are signed',
    verdict: 'holds otherwise',
    truth: (e) =>
      `They are; the release workflow verifies it, pins digests, and signs ours by its own identity. Without a network the same path is proven with a key: ${e.step('sign and verify, offline')}; ${e.step('attest the bills of materials')}. ${standIns(e)}`,
    by: 'pnpm images; .github/workflows/release.yml',
  },
  {
    seed: 'debian12 bases; python3-debian12, nginx, Alpine and Ubuntu builders',
    verdict: 'does not hold',
    truth: () =>
      'The debian12 images have reached their end of life. Ours stand on `nodejs24-debian13`, `base-debian13` (tor-proxy) and `cc-debian13` (redis). There is no Python and no nginx: every service is Node, bundled outside the image.',
    by: 'docker-bake.hcl',
  },
  {
    seed: 'FastAPI, Web3, RocksDB',
    verdict: 'does not hold',
    truth: () => 'Fastify, ethers and LevelDB: TypeScript throughout.',
    by: 'ARCHITECTURE.md',
  },
  {
    seed: 'Ports 8080-8088, 2222; Tor and tunnel tools without one',
    verdict: 'holds',
    truth: (e) =>
      `Compared with a table written by hand: ${e.stack('open ports')}. Published on loopback alone unless the operator says otherwise; 8084 is blockchain-api’s or standalone’s.`,
    by: 'pnpm stack',
  },
  {
    seed: 'Network isolation: ops, chain and open-api planes',
    verdict: 'holds otherwise',
    truth: (e) =>
      `Seven networks, internal but the edge. Every pair of containers is tried: ${e.stack('every pair of containers')}; ${e.stack('no way out')}.`,
    by: 'pnpm stack',
  },
  {
    seed: 'Everything under /mnt/myssd/Lucid, Dockerfiles and build contexts too',
    verdict: 'holds otherwise',
    truth: (e) =>
      `Data and secrets are there (\`LUCID_ROOT\`), sources are not: an image brings its program with it, pulled or built elsewhere. Disk not mounted: ${e.stack('disk not mounted')}.`,
    by: 'pnpm stack',
  },
  {
    seed: 'Resource limits and single-process containers with proper signal handling',
    verdict: 'holds',
    truth: (e) =>
      `Limits of memory and processes in Compose, the heap a share of the container’s memory. A write outside the data folder: ${e.stack('a write outside the data folder fails')}. Down and up again with the same data: ${e.stack('down and up')}.`,
    by: 'pnpm stack',
  },
  {
    seed: 'Logs under /var/log/lucid/',
    verdict: 'does not hold',
    truth: () => 'Root file systems are read-only. Logs go to standard output, and Docker rotates them.',
    by: 'compose/compose.yaml',
  },
  {
    seed: 'State under /var/lib/',
    verdict: 'holds',
    truth: (e) => `One folder a service, 0700, the user’s alone (audit: ${e.count('audit ')}).`,
    by: 'pnpm images',
  },
  {
    seed: 'Multi-platform builds verified',
    verdict: 'holds',
    truth: (e) =>
      `${e.step('build for both architectures')}; built twice: ${e.step('the same contents give the same images')}.`,
    by: 'pnpm images',
  },
  {
    seed: 'Deployed to Docker Hub as pickme/lucid:*',
    verdict: 'cannot be measured here',
    truth: () =>
      'The names are the seed’s and the prefix is a variable. Nothing here asks a registry; pushing is the release workflow’s work, and it refuses images on stand-in bases.',
    by: '.github/workflows/release.yml',
  },
  {
    seed: 'Tor support, SPEC-4 planes, tunnels',
    verdict: 'holds otherwise',
    truth: (e) =>
      `In a private Tor network, never the public one. Published: ${e.stack('publish the gateway')}; fetched: ${e.stack('a visitor fetches it through SOCKS')}; ${e.stack('stores, inner services and the control socket are no targets')}.`,
    by: 'pnpm stack',
  },
  {
    seed: 'Docker-in-Docker and Tor in the devcontainer, port 2222',
    verdict: 'holds otherwise',
    truth: (e) =>
      `ssh by key: ${e.step('devcontainer: ssh by key, and by nothing else')}; ${e.step('devcontainer: sshd listens on loopback alone')}; ${e.step('devcontainer: tor is there and does not run')}. Docker-in-Docker is a pinned feature of devcontainer.json; it comes from a registry and is not run here.`,
    by: 'pnpm images',
  },
  {
    seed: 'Roadmap: Kubernetes, gVisor or Kata, monitoring',
    verdict: 'not built',
    truth: () => 'Services answer `/metrics`. No Kubernetes manifests and no other container runtime yet.',
    by: '-',
  },
  {
    seed: 'Roadmap: image signing, automated building in CI',
    verdict: 'holds',
    truth: (e) => `Both exist: ${e.step('sign and verify, offline')}; workflows \`ci.yml\` and \`release.yml\`.`,
    by: 'pnpm images',
  },
];

/** The images that are larger by themselves than the seed says, and why. */
function larger(e: Evidence): string {
  const over = seedImages.filter(
    ({ tag, claimedMegabytes = Number.POSITIVE_INFINITY }) => (e.sizes(tag)?.diskBytes ?? 0) > claimedMegabytes * 1e6,
  );
  if (over.length === 0) return '';
  const names = over.map(({ tag }) => `\`${tag}\``).join(', ');
  return `Larger on disk than the seed says, taken alone: ${names}, as each counts Node whole; beside the others it costs its own layers.`;
}

/** Packages and programs of the smallest and the largest audited image. */
function surface({ images }: Evidence): string {
  if (images === undefined) return 'not measured in the last `pnpm images`';
  const range = (values: readonly number[]) => `${Math.min(...values)} to ${Math.max(...values)}`;
  const packages = range(images.images.map((image) => image.packages));
  const programs = range(images.images.map((image) => image.programs));
  return `${packages} Debian packages and ${programs} programs an image`;
}

function standIns({ images }: Evidence): string {
  if (images === undefined || !images.isOnStandIns) return '';
  return 'The last run stood on stand-ins made from Debian’s packages and npm’s Node, as gcr.io was out of reach.';
}
