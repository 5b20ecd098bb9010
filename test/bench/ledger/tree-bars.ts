import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { median } from '../measure.ts';
import { atLeast, atMost, type Bar, type Measured, type Plan } from './bar.ts';
import { benchFolder } from './ledger-server.ts';
import { entryBytes } from './request.ts';

const script = fileURLToPath(new URL('tree-main.ts', import.meta.url));
const sources = fileURLToPath(new URL('../../../services/ledger/src/', import.meta.url));
/** 32 bytes of a leaf's hash and 4 of an entry's place: what a tree of entries cannot do without. */
const floorBytes = 36;

type Built = { readonly folder: string; readonly treeSize: number; readonly diskBytes: number };

async function ask<T>(folder: string, command: string, count = 0): Promise<T> {
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--expose-gc', script, folder, command, String(count)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(child, 'close');
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(([code]) => Promise.reject(new Error(`${command} of ${folder} ended with exit code ${String(code)}`))),
  ])) as [string];
  await ended;
  return JSON.parse(line) as T;
}

/** A store of other code may not open: what was built is kept under the digest of the code that writes it. */
function storeVersion(): string {
  const hash = createHash('sha256');
  for (const path of globSync('{store,domain}/*.ts', { cwd: sources }).toSorted()) {
    hash.update(readFileSync(join(sources, path)));
  }
  return hash.digest('hex').slice(0, 12);
}

/** A log of `size` entries, built once for each version of the store. */
async function builtLog(size: number, say: Plan['say']): Promise<Built> {
  const trees = join(benchFolder, 'trees');
  const folder = join(trees, `${size}-${storeVersion()}`);
  const facts = join(folder, 'facts.json');
  try {
    return JSON.parse(await readFile(facts, 'utf8')) as Built;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await mkdir(trees, { recursive: true });
  for (const name of await readdir(trees)) {
    if (name.startsWith(`${size}-`)) await rm(join(trees, name), { recursive: true });
  }
  say(`  building a log of ${size.toLocaleString('en')} entries, once`);
  const unfinished = join(trees, `${size}-unfinished`);
  await mkdir(unfinished);
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(join(unfinished, 'ledger.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const { treeSize } = await ask<{ treeSize: number }>(unfinished, 'build', size);
  const diskBytes = await allocatedBytes(join(unfinished, 'store'));
  await rename(unfinished, folder);
  const built = { folder, treeSize, diskBytes };
  await writeFile(facts, JSON.stringify(built));
  return built;
}

/** What the files take of the disk, not what they say their size is. */
async function allocatedBytes(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await lstat(join(folder, name))).blocks * 512);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

const sizesOf = ({ isQuick }: Plan): { small: number; large: number } =>
  isQuick ? { small: 20_000, large: 200_000 } : { small: 1_000_000, large: 10_000_000 };

/** L6: inclusion proofs of entries at random, in process. */
export async function inclusionProofs(plan: Plan): Promise<Measured> {
  const { small, large } = sizesOf(plan);
  const logs = [await builtLog(small, plan.say), await builtLog(large, plan.say)];
  const taken: number[][] = [[], []];
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const [at, { folder }] of logs.entries()) {
      const { p50 } = await ask<{ p50: number }>(folder, 'prove', plan.isQuick ? 2000 : 20_000);
      taken[at]?.push(p50);
    }
    plan.say(`  round ${round + 1} of ${plan.rounds}`);
  }
  const [ofSmall = 0, ofLarge = 0] = taken.map((times) => median(times));
  const name = large.toLocaleString('en');
  return {
    bars: [
      atMost({
        id: 'L6',
        what: `inclusion proof at ${name} entries, p50`,
        value: ofLarge,
        limit: 60,
        unit: 'µs',
        isByClock: true,
      }),
      atMost({
        id: 'L6 growth',
        what: `from ${small.toLocaleString('en')} entries to those`,
        value: ofLarge / ofSmall,
        limit: 1.25,
      }),
    ],
    figures: [],
  };
}

/** Appends to it until it is killed in the middle. */
async function killWhileFilling(folder: string): Promise<void> {
  const child = spawn(process.execPath, ['--conditions=source', script, folder, 'fill'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(() => Promise.reject(new Error('the log could not be filled'))),
  ]);
  child.kill('SIGKILL');
  await ended;
}

interface Verified {
  readonly treeSize: number;
  readonly cpuSeconds: number;
  /** Memory at its most, over what the open log had. */
  readonly growthMib: number;
}

/** L7: to open after a kill, and to compute the whole log anew. */
export async function openAndRebuild(plan: Plan): Promise<Measured> {
  const { small, large } = sizesOf(plan);
  const { folder } = await builtLog(large, plan.say);
  const opened: number[] = [];
  for (let round = 0; round < plan.rounds; round += 1) {
    await killWhileFilling(folder);
    opened.push((await ask<{ seconds: number }>(folder, 'open')).seconds);
  }
  plan.say('  computing it anew');
  const { folder: smallFolder } = await builtLog(small, plan.say);
  const ofSmall = await ask<Verified>(smallFolder, 'verify');
  const ofLarge = await ask<Verified>(folder, 'verify');
  const rate = ofLarge.treeSize / ofLarge.cpuSeconds / 1e6;
  const name = large.toLocaleString('en');
  return {
    bars: [
      atMost({
        id: 'L7 open',
        what: `open after a kill at ${name} entries`,
        value: median(opened),
        limit: 0.5,
        unit: 's',
        isByClock: true,
      }),
      atLeast({
        id: 'L7 rebuild',
        what: 'all of it computed anew, per CPU-s',
        value: rate,
        limit: 1,
        unit: 'M leaves',
      }),
      flatMemory(ofSmall.growthMib, ofLarge.growthMib, small, large),
    ],
    figures: [],
  };
}

/** Flat: ten times the entries take at most 8 MiB more. */
function flatMemory(ofSmall: number, ofLarge: number, small: number, large: number): Bar {
  const grows = ofLarge - ofSmall;
  return {
    id: 'L7 memory',
    what: `memory that takes, from ${small.toLocaleString('en')} to ${large.toLocaleString('en')} entries`,
    bar: '≤ 8 MiB more',
    value: `${ofSmall.toFixed(0)} → ${ofLarge.toFixed(0)} MiB`,
    isMet: grows <= 8,
    isSane: grows <= 512,
  };
}

/** L8: the disk an entry takes. */
export async function diskPerEntry(plan: Plan): Promise<Measured> {
  const { large } = sizesOf(plan);
  const { diskBytes, treeSize } = await builtLog(large, plan.say);
  const each = diskBytes / treeSize;
  const what = `disk per entry of ${entryBytes} B at ${large.toLocaleString('en')} (${each.toFixed(1)} B): of ${floorBytes} B + entry`;
  return { bars: [atMost({ id: 'L8', what, value: each / (floorBytes + entryBytes), limit: 1.05 })], figures: [] };
}
