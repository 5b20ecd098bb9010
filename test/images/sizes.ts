import { images as nodeImages } from '../../docker/bundle/images.ts';
import type { BuiltImage } from './audit/image.ts';
import type { LayerFacts } from './audit/root-filesystem.ts';
import { developmentImage, platformImages } from './build.ts';
import { type Architecture, architectures } from './config.ts';

/** Bytes of one image, or of several together with what they share counted once. */
interface Sizes {
  /** Its files. */
  readonly diskBytes: number;
  /** Its layers as a registry holds them: what is pulled. */
  readonly pulledBytes: number;
}

export interface ImageSizes extends Sizes {
  readonly tag: string;
  readonly architecture: Architecture;
  /** Of its files, those that its base does not have. */
  readonly ownBytes: number;
  readonly isOfThePlatform: boolean;
}

export interface SizeReport {
  readonly images: readonly ImageSizes[];
  /** The platform's images but the development one, by architecture. */
  readonly together: Readonly<Record<Architecture, Sizes>>;
}

const megabyte = 1_000_000;
const budgets = {
  togetherDiskBytes: 250 * megabyte,
  togetherPulledBytes: 80 * megabyte,
  ownBytes: 5 * megabyte,
  torDiskBytes: 45 * megabyte,
} as const;

const isOfThePlatform = (tag: string) => (platformImages as readonly string[]).includes(tag);

export function measureSizes(images: readonly BuiltImage[]): SizeReport {
  const together = architectures.map((architecture) => {
    const counted = images.filter(
      (image) => image.architecture === architecture && isOfThePlatform(image.tag) && image.tag !== developmentImage,
    );
    return [architecture, sizeOf(counted.flatMap(({ layers }) => layers))] as const;
  });
  return {
    images: images.map((image) => ({
      tag: image.tag,
      architecture: image.architecture,
      ...sizeOf(image.layers),
      ownBytes: sizeOf(image.ownLayers).diskBytes,
      isOfThePlatform: isOfThePlatform(image.tag),
    })),
    together: Object.fromEntries(together) as Record<Architecture, Sizes>,
  };
}

/** The sum over the layers, each counted once. */
function sizeOf(layers: readonly LayerFacts[]): Sizes {
  const unique = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  return {
    diskBytes: unique.reduce((sum, { fileBytes }) => sum + fileBytes, 0),
    pulledBytes: unique.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0),
  };
}

/** What is over its budget, in words; the budgets are for ARM64. */
export function overBudget({ images, together }: SizeReport): string[] {
  const { arm64 } = together;
  const isNode = (tag: string) => nodeImages.some((image) => image.tag === tag);
  const own = images.filter((image) => image.architecture === 'arm64' && image.isOfThePlatform && isNode(image.tag));
  const tor = images.filter(({ tag, architecture }) => tag === 'tor-proxy' && architecture === 'arm64');
  return [
    ...exceed('together on disk', arm64.diskBytes, budgets.togetherDiskBytes),
    ...exceed('together pulled', arm64.pulledBytes, budgets.togetherPulledBytes),
    ...own.flatMap(({ tag, ownBytes }) => exceed(`${tag}'s own layers`, ownBytes, budgets.ownBytes)),
    ...tor.flatMap(({ diskBytes }) => exceed('tor-proxy', diskBytes, budgets.torDiskBytes)),
  ];
}

function exceed(what: string, bytes: number, limit: number): string[] {
  return bytes <= limit ? [] : [`${what}: ${formatMegabytes(bytes)} of ${formatMegabytes(limit)}`];
}

export function formatMegabytes(bytes: number): string {
  return `${(bytes / megabyte).toFixed(1)} MB`;
}

/** A line an image: ARM64 and AMD64 each as `on disk / pulled / own`. */
export function formatSizes({ images, together }: SizeReport): string[] {
  const cell = (sizes: Sizes | undefined, own?: number) =>
    sizes === undefined
      ? '-'
      : [sizes.diskBytes, sizes.pulledBytes, ...(own === undefined ? [] : [own])].map(formatMegabytes).join(' / ');
  const of = (tag: string, architecture: Architecture) => {
    const found = images.find((image) => image.tag === tag && image.architecture === architecture);
    return cell(found, found?.ownBytes);
  };
  const tags = [...new Set(images.map(({ tag }) => tag))];
  const width = Math.max(...tags.map((tag) => tag.length)) + 2;
  return [
    `  ${''.padEnd(width)}${'arm64: on disk / pulled / own'.padEnd(34)}amd64`,
    ...tags.map((tag) => `  ${tag.padEnd(width)}${of(tag, 'arm64').padEnd(34)}${of(tag, 'amd64')}`),
    `  ${'together'.padEnd(width)}${cell(together.arm64).padEnd(34)}${cell(together.amd64)}`,
  ];
}
