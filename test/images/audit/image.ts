import { posix } from 'node:path';
import type { Architecture } from '../config.ts';
import { type Descriptor, type ImageConfig, type ImageManifest, mediaTypes, type OciLayout } from '../oci.ts';
import { type LayerFacts, mergeLayers, type RootFilesystem, readLayer } from './root-filesystem.ts';

/** One image for one architecture, read. */
export interface BuiltImage {
  /** Without repository: `api-server`. */
  readonly tag: string;
  readonly architecture: Architecture;
  /** Digest of the manifest. */
  readonly digest: string;
  readonly config: ImageConfig['config'];
  readonly layers: readonly LayerFacts[];
  /** Those of `layers` that the Dockerfile added to its base. */
  readonly ownLayers: readonly LayerFacts[];
  readonly files: RootFilesystem;
}

/** What BuildKit writes beside each step of a Dockerfile; a base's own history has other remarks. */
const buildkitMark = 'buildkit.dockerfile.v0';
const statusFile = '/var/lib/dpkg/status';
const statusFolder = '/var/lib/dpkg/status.d';

/** Every image of a layout, for every architecture, in order of name. A layer that many images share is read once. */
export function readImages(layout: OciLayout): BuiltImage[] {
  const layers = new Map<string, LayerFacts>();
  const layerOf = (descriptor: Descriptor) => {
    const known = layers.get(descriptor.digest) ?? readLayer(layout, descriptor);
    layers.set(descriptor.digest, known);
    return known;
  };
  const images = layout.index.manifests.flatMap((named) =>
    manifestsOf(layout, named).map(({ digest, manifest }) => {
      const { config, architecture, history = [] } = layout.readConfig(manifest.config);
      const own = manifest.layers.map(layerOf);
      const added = history.filter((step) => step.empty_layer !== true).map((step) => step.comment === buildkitMark);
      return {
        tag: nameOf(named),
        architecture: architecture as Architecture,
        digest,
        config,
        layers: own,
        ownLayers: own.filter((_layer, index) => added[index] ?? false),
        files: mergeLayers(own),
      };
    }),
  );
  return images.toSorted((a, b) => `${a.tag} ${a.architecture}`.localeCompare(`${b.tag} ${b.architecture}`));
}

/** The image manifests under a named descriptor; attestations (platform `unknown`) are left out. */
function manifestsOf(layout: OciLayout, named: Descriptor): { digest: string; manifest: ImageManifest }[] {
  if (named.mediaType === mediaTypes.index || named.mediaType.includes('manifest.list'))
    return layout
      .readIndex(named)
      .manifests.filter(({ platform }) => platform?.os !== 'unknown')
      .flatMap((inner) => manifestsOf(layout, inner));
  return [{ digest: named.digest, manifest: layout.readManifest(named) }];
}

function nameOf({ annotations = {}, digest }: Descriptor): string {
  const name = annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'] ?? digest;
  return name.slice(name.lastIndexOf(':') + 1);
}

/** A Debian package of an image, from the record that scanners read. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

/** The packages by the records of distroless images (a file each) or of ordinary ones (one file). */
export function debianPackages(files: RootFilesystem): InstalledPackage[] {
  return [...files.values()]
    .filter(({ path }) => path === statusFile || (posix.dirname(path) === statusFolder && !path.endsWith('.md5sums')))
    .flatMap(({ text = '' }) => text.split(/\n\n+/))
    .filter((record) => record.trim() !== '')
    .map((record) => {
      const field = (name: string) => new RegExp(`^${name}: (.+)$`, 'm').exec(record)?.[1] ?? '';
      return { name: field('Package'), version: field('Version'), architecture: field('Architecture') };
    })
    .toSorted((a, b) => a.name.localeCompare(b.name));
}
