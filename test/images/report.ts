import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { StepResult, Steps } from '../support/steps.ts';
import { type BuiltImage, debianPackages } from './audit/image.ts';
import { outputDir } from './config.ts';
import type { Freshness } from './freshness.ts';
import { standInLabel } from './oci.ts';
import type { SizeReport } from './sizes.ts';

/** What a run of `pnpm images` found, for docs/seed-claims.md and for whoever compares two runs. */
export interface ImagesReport {
  readonly createdAt: string;
  readonly machine: string;
  readonly isOnStandIns: boolean;
  /** From contents to images of both architectures. */
  readonly buildSeconds: number;
  readonly images: readonly ImageSummary[];
  readonly sizes: SizeReport;
  readonly freshness: Freshness | undefined;
  readonly steps: readonly StepResult[];
}

interface ImageSummary {
  readonly tag: string;
  readonly architecture: string;
  readonly digest: string;
  /** Debian packages. */
  readonly packages: number;
  readonly programs: number;
  readonly files: number;
  readonly user: string;
  readonly ports: readonly string[];
}

export interface Findings {
  readonly buildSeconds: number;
  readonly images: readonly BuiltImage[];
  readonly sizes: SizeReport;
  readonly freshness: Freshness | undefined;
  readonly steps: Steps;
}

/** What can be started: the executable files in folders of programs. */
export function programsOf({ files }: BuiltImage): string[] {
  return [...files.values()]
    .filter(({ type, mode, path }) => type === 'file' && (mode & 0o111) !== 0 && /\/s?bin\//.test(path))
    .map(({ path }) => path);
}

/** Writes `dist/images/report.json`. */
export function writeReport({ buildSeconds, images, sizes, freshness, steps }: Findings): void {
  const report: ImagesReport = {
    createdAt: new Date().toISOString(),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    isOnStandIns: images.some(({ config }) => config.Labels?.[standInLabel] !== undefined),
    buildSeconds,
    images: images.map(summarize),
    sizes,
    freshness,
    steps: steps.results,
  };
  mkdirSync(outputDir, { recursive: true });
  writeFileSync(join(outputDir, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
}

function summarize(image: BuiltImage): ImageSummary {
  const { tag, architecture, digest, config, files } = image;
  return {
    tag,
    architecture,
    digest,
    packages: debianPackages(files).length,
    programs: programsOf(image).length,
    files: files.size,
    user: config.User ?? '',
    ports: Object.keys(config.ExposedPorts ?? {}),
  };
}
