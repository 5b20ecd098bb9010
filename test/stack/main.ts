import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheDir, root } from '../images/config.ts';
import { openEngine } from '../images/engine.ts';
import { StepFailed, Steps } from '../support/steps.ts';
import { checkConfig } from './checks/config.ts';
import { checkConfinement } from './checks/confinement.ts';
import { checkDemo, checkOperator, type Keepsakes, makeKeepsakes } from './checks/demo.ts';
import { checkDisk } from './checks/disk.ts';
import { checkEmulated } from './checks/emulated.ts';
import { checkFaults } from './checks/faults.ts';
import { checkMemory } from './checks/memory.ts';
import { checkOverlays } from './checks/overlays.ts';
import { checkStart } from './checks/start.ts';
import { checkVariants } from './checks/variants.ts';
import { Disk } from './disk.ts';
import { Stack } from './stack.ts';
import { nine } from './topology.ts';

// `pnpm stack`: the Compose files brought up on a real engine with the images that are there, and looked over.

const memoryOfNine = { bar: 360, most: 430 };

interface Part {
  readonly name: string;
  /** Needs the stack up with something recorded on it; brought about where no earlier part has. */
  readonly needsDemo: boolean;
  readonly run: (steps: Steps, stack: Stack, kept: Keepsakes) => Promise<void>;
}

const parts: readonly Part[] = [
  { name: 'config', needsDemo: false, run: checkConfig },
  { name: 'disk', needsDemo: false, run: checkDisk },
  { name: 'demo', needsDemo: true, run: async () => {} },
  { name: 'confinement', needsDemo: true, run: checkConfinement },
  { name: 'faults', needsDemo: true, run: checkFaults },
  { name: 'overlays', needsDemo: true, run: checkOverlays },
  { name: 'variants', needsDemo: true, run: checkVariants },
  { name: 'emulated', needsDemo: false, run: checkEmulated },
];

async function play(steps: Steps, only: readonly string[]): Promise<void> {
  const folder = join(cacheDir, '../stack');
  await using disk = await Disk.mount(folder);
  const engine = await openEngine();
  // A vote of the demo has to end within seconds.
  const stack = new Stack(engine, join(disk.mountPoint, 'Lucid'), { LUCID_PROFILE: 'dev' });
  const kept = await makeKeepsakes(join(folder, 'kept'));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => stack.down());
  await stack.down();
  let isDemonstrated = false;
  for (const part of parts.filter(({ name }) => only.length === 0 || only.includes(name))) {
    if (part.needsDemo && !isDemonstrated) {
      await checkStart(steps, stack);
      await checkMemory(steps, stack, nine, memoryOfNine);
      await checkOperator(steps, stack, kept);
      await checkDemo(steps, stack, kept);
      isDemonstrated = true;
    }
    await untilFailed(() => part.run(steps, stack, kept));
  }
}

/** What a part needed and did not get ends that part: its step has said so. */
async function untilFailed(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true, default: [] } } });
  const unknown = values.only.find((name) => !parts.some((part) => part.name === name));
  if (unknown !== undefined) {
    console.error(`There is no part ${unknown}; there are: ${parts.map(({ name }) => name).join(', ')}.`);
    process.exitCode = 2;
    return;
  }
  const steps = new Steps();
  await untilFailed(() => play(steps, values.only));
  const output = join(root, 'dist/stack');
  await mkdir(output, { recursive: true });
  await writeFile(join(output, 'report.json'), `${JSON.stringify(steps.results, undefined, 2)}\n`);
  if (!steps.finish()) process.exitCode = 1;
}

await main();
