import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../support/run-command.ts';
import { StepFailed, type StepResult, Steps } from '../support/steps.ts';
import { type BuiltImage, debianPackages, readImages } from './audit/image.ts';
import { auditImage, releaseRules, rules } from './audit/rules.ts';
import { prepareBases } from './bases/bases.ts';
import { writeBoms } from './boms.ts';
import { bake, type Digests, developmentImage, load, makeContents, platformImages, repository } from './build.ts';
import { cacheDir, outputDir, root } from './config.ts';
import { buildDevelopmentImage, devcontainerSteps } from './devcontainer/steps.ts';
import { registerEmulation, runEverywhere } from './emulation.ts';
import { type Engine, openEngine } from './engine.ts';
import { compareWithArchive, type Freshness } from './freshness.ts';
import { OciLayout, standInLabel } from './oci.ts';
import { checkPrograms } from './programs/checks.ts';
import { signAll } from './sign-all.ts';
import { formatMegabytes, formatSizes, measureSizes, overBudget, type SizeReport } from './sizes.ts';

const usage = `pnpm images [--quick] [--stand-ins] [--refresh] [--release]
  Builds every image for both architectures and proves what is said of them.
  --quick      build, load, audit and sizes only
  --stand-ins  do not try to pull the real bases
  --refresh    take newer packages into the stand-ins
  --release    refuse stand-ins`;

/** What a run found, for docs/seed-claims.md and for whoever compares two runs. */
export interface ImagesReport {
  readonly createdAt: string;
  readonly machine: string;
  readonly isOnStandIns: boolean;
  readonly buildSeconds: number;
  readonly images: readonly {
    readonly tag: string;
    readonly architecture: string;
    readonly digest: string;
    readonly packages: number;
    readonly programs: number;
    readonly files: number;
    readonly user: string;
    readonly ports: readonly string[];
  }[];
  readonly sizes: SizeReport;
  readonly freshness: Freshness | undefined;
  readonly steps: readonly StepResult[];
}

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    'stand-ins': { type: 'boolean', default: false },
    refresh: { type: 'boolean', default: false },
    release: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const layoutDir = join(cacheDir, 'layout');
const contentsDir = outputDir;
const contentsAgainDir = join(cacheDir, 'again');
const revision = (await run(['git', 'rev-parse', 'HEAD'], { cwd: root })).trim();
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

async function proveImages(steps: Steps): Promise<void> {
  const engine = await steps.need('Docker Engine', async () => {
    const found = await openEngine();
    return [found, `${found.version}, ${found.isPrivate ? 'private, no route out' : 'the one that answers'}`];
  });
  await steps.need('bases', async () => {
    const choice = flags.release ? 'real' : flags['stand-ins'] ? 'stand-ins' : 'either';
    return [undefined, await prepareBases(engine, choice, flags.refresh)];
  });
  await steps.need('what the images are made of', async () => [undefined, await makeContents(contentsDir)]);
  const startedAt = performance.now();
  const digests = await steps.need('build for both architectures', async () => {
    const built = await bake(engine, { contents: contentsDir, output: layoutDir, useCache: true, revision });
    return [built, `${built.size} images`];
  });
  const buildSeconds = Math.round((performance.now() - startedAt) / 100) / 10;
  await steps.need('load', async () => [undefined, await load(engine, layoutDir).then(() => 'into the engine')]);
  const images = await steps.need('read back', async () => {
    const read = readImages(new OciLayout(layoutDir));
    return [read, `${read.length} of ${digests.size} tags`];
  });
  const development = await buildDevelopmentImage(steps, engine);
  await steps.check('the fourteen are there', () => checkTags(new Map([...digests, [developmentImage, development]])));
  for (const image of images) await steps.check(`audit ${image.tag} ${image.architecture}`, () => checkImage(image));
  await steps.check('stand-in bases', () => checkStandIns(images));
  const sizes = measureSizes(images);
  await steps.check('sizes', () => checkSizes(sizes));
  console.log(formatSizes(sizes).join('\n'));
  const freshness = flags.quick ? undefined : await proveMore(steps, engine, images, digests);
  writeReport({ buildSeconds, images, sizes, freshness, steps });
}

/** The longer half: emulation, bills of materials, the second build, freshness, signatures. */
async function proveMore(steps: Steps, engine: Engine, images: readonly BuiltImage[], digests: Digests) {
  await steps.check('runs on both architectures', async () => {
    await registerEmulation();
    return runEverywhere(engine);
  });
  await checkPrograms(steps, engine, repository);
  await devcontainerSteps(steps, engine);
  const boms = await steps.need('bill of materials', async () => {
    const written = writeBoms(images, version, contentsDir);
    return [
      written,
      `${written.length}, ${Math.max(...written.map(({ components }) => components))} components at most`,
    ];
  });
  await steps.check('the same contents give the same images', async () => {
    await makeContents(contentsAgainDir);
    const output = join(cacheDir, 'layout-again');
    rmSync(output, { recursive: true, force: true });
    OciLayout.create(output).linkBlobsOf(new OciLayout(layoutDir));
    const again = await bake(engine, { contents: contentsAgainDir, output, useCache: false, revision });
    const other = [...digests].filter(([tag, digest]) => again.get(tag) !== digest).map(([tag]) => tag);
    if (other.length > 0) throw new Error(`other digests when built again: ${other.join(', ')}`);
    return `${again.size} digests, contents made and built twice, without cache`;
  });
  let freshness: Freshness | undefined;
  await steps.check('Debian packages are the newest', async () => {
    freshness = await compareWithArchive(images);
    const { outdated, packages } = freshness;
    if (outdated.length > 0)
      throw new Error(`newer in the archive: ${outdated.map(({ name, newest }) => `${name} ${newest}`).join(', ')}`);
    return `${packages}, as in trixie, its updates and its security archive`;
  });
  await signAll(steps, engine, digests, boms);
  return freshness;
}

function checkTags(digests: Digests): string {
  const missing = platformImages.filter((tag) => !digests.has(tag));
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
  const others = [...digests.keys()].filter((tag) => !(platformImages as readonly string[]).includes(tag));
  return `and ${others.join(', ')}`;
}

function checkImage(image: BuiltImage): string {
  const wrong = auditImage(image, flags.release ? [...rules, ...releaseRules] : rules);
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  const programs = programsOf(image).length;
  return `${rules.length} rules, ${debianPackages(image.files).length} packages, ${programs} programs, ${image.files.size} files`;
}

/** What can be started: files with an execute bit, in the folders of programs and loadable by themselves. */
function programsOf({ files }: BuiltImage): string[] {
  return [...files.values()]
    .filter(({ type, mode, path }) => type === 'file' && (mode & 0o111) !== 0 && /\/s?bin\//.test(path))
    .map(({ path }) => path);
}

function checkStandIns(images: readonly BuiltImage[]): string {
  const count = images.filter(({ config }) => config.Labels?.[standInLabel] !== undefined).length;
  if (count > 0 && flags.release) throw new Error(`${count} images carry ${standInLabel}: a release refuses them`);
  return count === 0 ? 'none' : `${count} of ${images.length} images carry ${standInLabel}: not to be published`;
}

function checkSizes(sizes: SizeReport): string {
  const over = overBudget(sizes);
  if (over.length > 0) throw new Error(`over budget: ${over.join(', ')}`);
  const { arm64 } = sizes.together;
  const counted = new Set(sizes.images.filter(({ isOfThePlatform }) => isOfThePlatform).map(({ tag }) => tag)).size;
  return `ARM64, ${counted} of the fourteen together: ${formatMegabytes(arm64.diskBytes)} on disk, ${formatMegabytes(arm64.pulledBytes)} pulled`;
}

interface Findings {
  readonly buildSeconds: number;
  readonly images: readonly BuiltImage[];
  readonly sizes: SizeReport;
  readonly freshness: Freshness | undefined;
  readonly steps: Steps;
}

function writeReport({ buildSeconds, images, sizes, freshness, steps }: Findings): void {
  const report: ImagesReport = {
    createdAt: new Date().toISOString(),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    isOnStandIns: images.some(({ config }) => config.Labels?.[standInLabel] !== undefined),
    buildSeconds,
    images: images.map((image) => ({
      tag: image.tag,
      architecture: image.architecture,
      digest: image.digest,
      packages: debianPackages(image.files).length,
      programs: programsOf(image).length,
      files: image.files.size,
      user: image.config.User ?? '',
      ports: Object.keys(image.config.ExposedPorts ?? {}),
    })),
    sizes,
    freshness,
    steps: steps.results,
  };
  mkdirSync(outputDir, { recursive: true });
  writeFileSync(join(outputDir, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
}

if (flags.help) {
  console.log(usage);
} else {
  const steps = new Steps();
  try {
    await proveImages(steps);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
  if (!steps.finish()) process.exitCode = 1;
}
