import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundleImage } from '../../docker/bundle/bundle.ts';
import { images as nodeImages } from '../../docker/bundle/images.ts';
import { run } from '../support/run-command.ts';
import { architectures, cacheDir, root } from './config.ts';
import type { Engine } from './engine.ts';
import { OciLayout } from './oci.ts';
import { debianImages, makeRootfs } from './rootfs.ts';

/** The fourteen images of the platform; the rest of what is baked supports them. */
export const platformImages = [
  'tor-proxy',
  'api-server',
  'api-gateway',
  'tunnel-tools',
  'server-tools',
  'blockchain-api',
  'blockchain-governance',
  'blockchain-ledger',
  'blockchain-sessions',
  'blockchain-vm',
  'openapi-server',
  'openapi-gateway',
  'infrastructure-dev',
  'standalone-blockchain-api',
] as const;

/** The one that is a development environment: it has a shell, by design, and is not audited as the others are. */
export const developmentImage = 'infrastructure-dev';

/** A Node image: all the layers that others share are among its own. */
const firstImage = 'api-server';
const atATime = 4;

export const repository = 'pickme/lucid';

/** Makes in `folder` what the Dockerfiles copy: bundles of the Node images, Debian's programs of the others. */
export async function makeContents(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const startedAt = performance.now();
  const bundles = await Promise.all(nodeImages.map((image) => bundleImage(image, folder)));
  const seconds = (performance.now() - startedAt) / 1000;
  for (const image of debianImages) await makeRootfs(image, cacheDir, folder);
  return `${bundles.length} bundles in ${seconds.toFixed(1)} s, ${debianImages.length} of Debian’s programs`;
}

export interface BakeOptions {
  /** Where `makeContents` put what is copied. */
  readonly contents: string;
  /** The OCI layout that is written. */
  readonly output: string;
  readonly useCache: boolean;
  /** The commit that the images' labels name. */
  readonly revision: string;
}

/** The digest of each image's index, by tag. */
export type Digests = ReadonlyMap<string, string>;

/**
 * Builds every image for every architecture into one OCI layout. Times are all zero, so that the same contents give the
 * same digests whenever they are built, and layers that did not change are not pulled again.
 */
export async function bake(engine: Engine, options: BakeOptions): Promise<Digests> {
  const { output } = options;
  rmSync(join(output, 'index.json'), { force: true });
  const targets = await listTargets(engine);
  const built: BakeMetadata = {};
  // Images that write the same large layer at the same time wait for each other until they give up. So one goes ahead
  // with the base's layers, and then a few at a time.
  const batches = [
    [firstImage],
    ...chunksOf(
      targets.filter((target) => target !== firstImage),
      atATime,
    ),
  ];
  for (const batch of batches) Object.assign(built, await bakeTargets(engine, options, batch));
  const layout = new OciLayout(output);
  nameImages(layout);
  layout.removeUnreferenced();
  const digests = Object.entries(built).map(([tag, of]) => [tag, of['containerimage.digest'] ?? 'none'] as const);
  return new Map(digests.toSorted(([a], [b]) => a.localeCompare(b)));
}

type BakeMetadata = Record<string, { readonly 'containerimage.digest'?: string }>;

/** The targets of the default group, one an image. */
async function listTargets({ environment }: Engine): Promise<string[]> {
  const plan = JSON.parse(await run(['docker', 'buildx', 'bake', '--print'], { environment, cwd: root })) as {
    readonly target: Readonly<Record<string, object>>;
  };
  return Object.keys(plan.target).toSorted();
}

function chunksOf(all: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}

async function bakeTargets(engine: Engine, options: BakeOptions, targets: readonly string[]): Promise<BakeMetadata> {
  const { contents, output, useCache, revision } = options;
  const metadata = join(cacheDir, 'bake.json');
  const own = debianImages.flatMap((image) => ['--set', `${image}.contexts.rootfs=${join(contents, image)}`]);
  const sets = [
    '--set',
    `*.output=type=oci,tar=false,dest=${output},rewrite-timestamp=true`,
    '--set',
    `*.platform=${architectures.map((name) => `linux/${name}`).join(',')}`,
    '--set',
    `*.contexts.build=${contents}`,
    ...own,
  ];
  const environment = {
    ...engine.environment,
    OFFLINE: 'true',
    SOURCE_DATE_EPOCH: '0',
    REVISION: revision,
    REPO: repository,
  };
  const flags = ['--progress', 'plain', '--metadata-file', metadata, ...(useCache ? [] : ['--no-cache'])];
  await run(['docker', 'buildx', 'bake', ...flags, ...sets, ...targets], { environment, cwd: root });
  return JSON.parse(readFileSync(metadata, 'utf8')) as BakeMetadata;
}

/** Gives each image of a layout the annotation by which `docker load` knows its name. */
function nameImages(layout: OciLayout): void {
  const named = layout.index.manifests.map((manifest) => {
    const name = manifest.annotations?.['org.opencontainers.image.ref.name'] ?? '';
    return { ...manifest, annotations: { ...manifest.annotations, 'io.containerd.image.name': name } };
  });
  layout.writeIndex(named);
}

/** Loads a layout into the engine. */
export async function load(engine: Engine, folder: string): Promise<void> {
  const pack = 'tar -C "$0" -cf - oci-layout index.json blobs | docker load -q';
  await run(['sh', '-c', pack, folder], { environment: engine.environment });
}
