import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../support/run-command.ts';
import { StepFailed, Steps } from '../support/steps.ts';
import { type BuiltImage, readImages } from './audit/image.ts';
import { releaseRules, rules } from './audit/rules.ts';
import { prepareBases } from './bases/bases.ts';
import { writeBoms } from './boms.ts';
import { bake, type Digests, developmentImage, load, makeContents, repository } from './build.ts';
import { checkFreshness, checkImage, checkReproducible, checkSizes, checkStandIns, checkTags } from './checks.ts';
import { cacheDir, outputDir, root } from './config.ts';
import { buildDevelopmentImage, devcontainerSteps } from './devcontainer/steps.ts';
import { makeDevelopmentTools } from './devcontainer/tools.ts';
import { registerEmulation, runEverywhere } from './emulation.ts';
import { type Engine, openEngine } from './engine.ts';
import type { Freshness } from './freshness.ts';
import { OciLayout } from './oci.ts';
import { compareWithOrdinary } from './ordinary.ts';
import { checkPrograms } from './programs/checks.ts';
import { writeReport } from './report.ts';
import { signAll } from './sign-all.ts';
import { formatSizes, measureSizes } from './sizes.ts';

// `pnpm images`: builds every image for both architectures and proves what is said of them.

const usage = `pnpm images [--quick] [--stand-ins] [--refresh] [--release]
  --quick      build, load, audit and sizes only, without ${developmentImage}
  --stand-ins  do not try to pull the real bases
  --refresh    take newer packages into the stand-ins
  --release    real bases only: refuse stand-ins`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    'stand-ins': { type: 'boolean', default: false },
    refresh: { type: 'boolean', default: false },
    release: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const layout = new OciLayout(join(cacheDir, 'layout'));
/** The development image's file system; what its Dockerfile adds are settings. */
const developmentLayout = new OciLayout(join(outputDir, developmentImage));

/** What the second half works on. */
interface Built {
  readonly engine: Engine;
  /** Of every image. */
  readonly digests: Digests;
  /** Of the distroless ones. */
  readonly baked: Digests;
  readonly distroless: readonly BuiltImage[];
  readonly revision: string;
}

async function proveImages(steps: Steps): Promise<void> {
  const engine = await steps.need('Docker Engine', async () => {
    const found = await openEngine();
    return [found, `${found.version}, ${found.isPrivate ? 'private, no route out' : 'the one that answers'}`];
  });
  // Takes longest where nothing is there yet; whether it went well is told where it is used.
  const tools = flags.quick ? Promise.resolve() : Promise.allSettled([makeDevelopmentTools()]);
  await steps.need('bases', async () => {
    const choice = flags.release ? 'real' : flags['stand-ins'] ? 'stand-ins' : 'either';
    return [undefined, await prepareBases(engine, choice, flags.refresh)];
  });
  await steps.need('what the images are made of', async () => [undefined, await makeContents(outputDir)]);
  const revision = (await run(['git', 'rev-parse', 'HEAD'], { cwd: root })).trim();
  const startedAt = performance.now();
  const baked = await steps.need('build for both architectures', async () => {
    const options = { contents: outputDir, output: layout.folder, useCache: true, revision };
    const built = await bake(engine, options);
    return [built, `${built.size} images`];
  });
  const buildSeconds = Math.round((performance.now() - startedAt) / 100) / 10;
  await steps.need('load', async () => [undefined, await load(engine, layout.folder).then(() => 'into the engine')]);
  const distroless = await steps.need('read back', async () => {
    const read = readImages(layout);
    return [read, `${read.length} images of ${baked.size} tags`];
  });
  const digests = new Map(baked);
  await tools;
  if (!flags.quick) digests.set(developmentImage, await buildDevelopmentImage(steps, engine, revision));
  await steps.check('the fourteen are there', () =>
    checkTags([...digests.keys()], flags.quick ? [developmentImage] : []),
  );
  const applied = flags.release ? [...rules, ...releaseRules] : rules;
  for (const image of distroless)
    await steps.check(`audit ${image.tag} ${image.architecture}`, () => checkImage(image, applied));
  await steps.check('stand-in bases', () => checkStandIns(distroless, flags.release));
  const sizes = measureSizes(distroless);
  await steps.check('sizes', () => checkSizes(sizes));
  console.log(formatSizes(sizes).join('\n'));
  const freshness = flags.quick ? undefined : await proveMore(steps, { engine, digests, baked, distroless, revision });
  writeReport({ buildSeconds, images: distroless, sizes, freshness, steps });
}

/** The longer half: what runs, what is in it, that it is the same when built again, fresh and signed. */
async function proveMore(steps: Steps, { engine, digests, baked, distroless, revision }: Built) {
  const development = readImages(developmentLayout).map((image) => ({ ...image, tag: developmentImage }));
  const images = [...distroless, ...development];
  await steps.check('runs on both architectures', async () => {
    await registerEmulation();
    return runEverywhere(engine);
  });
  await checkPrograms(steps, engine, repository);
  await devcontainerSteps(steps, engine);
  await steps.check('beside an ordinary image', () => compareWithOrdinary(engine, outputDir));
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const boms = await steps.need('bill of materials', async () => {
    const written = writeBoms(images, version, outputDir);
    const most = Math.max(...written.map(({ components }) => components));
    return [written, `${written.length}, ${most} components at most`];
  });
  await steps.check('the same contents give the same images', () => {
    const output = join(cacheDir, 'layout-again');
    const options = { contents: join(cacheDir, 'again'), output, useCache: false, revision };
    return checkReproducible(engine, baked, options, layout);
  });
  let freshness: Freshness | undefined;
  await steps.check('Debian packages are the newest', async () => {
    const [found, detail] = await checkFreshness(images);
    freshness = found;
    return detail;
  });
  const attested = boms.filter(({ tag }) => baked.has(tag));
  await signAll(steps, engine, digests, attested);
  return freshness;
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
