import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StepResult } from '../../support/steps.ts';
import { root } from '../config.ts';
import type { ImagesReport } from '../report.ts';
import { formatMegabytes, type ImageSizes } from '../sizes.ts';

/** What is said in place of a figure that no run left, and before one of a step that failed. */
export const missingMark = 'not measured in the last';
export const failsMark = '**fails**';

/** The figures that the last runs of `pnpm images` and `pnpm stack` left; what neither measured is said to be missing. */
export class Evidence {
  readonly images: ImagesReport | undefined;
  readonly #stack: readonly StepResult[];

  constructor(images: ImagesReport | undefined, stack: readonly StepResult[]) {
    this.images = images;
    this.#stack = stack;
  }

  static read(): Evidence {
    const load = (path: string): unknown =>
      existsSync(join(root, path)) ? JSON.parse(readFileSync(join(root, path), 'utf8')) : undefined;
    const images = load('dist/images/report.json') as ImagesReport | undefined;
    return new Evidence(images, (load('dist/stack/report.json') ?? []) as StepResult[]);
  }

  /** What a step of `pnpm stack` found. */
  stack(name: string): string {
    return found(this.#stack, name, 'pnpm stack');
  }

  /** What a step of `pnpm images` found. */
  step(name: string): string {
    return found(this.images?.steps ?? [], name, 'pnpm images');
  }

  /** How many of the steps whose name begins so passed. */
  count(prefix: string): string {
    const steps = (this.images?.steps ?? []).filter(({ name }) => name.startsWith(prefix));
    const passed = steps.filter(({ ok }) => ok).length;
    if (steps.length === 0) return missing('pnpm images');
    return `${passed === steps.length ? '' : `${failsMark}: `}${passed} of ${steps.length} pass`;
  }

  /** ARM64: files on disk and layers as pulled. */
  size(tag: string): string {
    const size = this.sizes(tag);
    return size === undefined
      ? missing('pnpm images')
      : `${formatMegabytes(size.diskBytes)} on disk, ${formatMegabytes(size.pulledBytes)} pulled`;
  }

  sizes(tag: string): ImageSizes | undefined {
    return this.images?.sizes.images.find((image) => image.tag === tag && image.architecture === 'arm64');
  }

  together(): string {
    const sizes = this.images?.sizes.together.arm64;
    return sizes === undefined
      ? missing('pnpm images')
      : `${formatMegabytes(sizes.diskBytes)} on disk, ${formatMegabytes(sizes.pulledBytes)} pulled`;
  }

  /** The ports an image names, from both architectures' configuration. */
  ports(tag: string): string {
    const image = this.images?.images.find((one) => one.tag === tag);
    if (image === undefined) return missing('pnpm images');
    return image.ports.length === 0 ? 'none' : image.ports.map((port) => port.replace('/tcp', '')).join(', ');
  }
}

function missing(command: string): string {
  return `${missingMark} \`${command}\``;
}

function found(steps: readonly StepResult[], name: string, command: string): string {
  const step = steps.find((one) => one.name === name);
  if (step === undefined) return missing(command);
  const detail = step.detail.split('\n')[0] ?? '';
  return step.ok ? detail || 'passes' : `${failsMark}: ${detail}`;
}
