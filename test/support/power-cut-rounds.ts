import { cutModels, PowerCutDisk } from './power-cut.ts';
import { type Random, seededRandom } from './random.ts';

/** What the cuts took in all, and how often a program ended before it was of use. */
export type CutTally = { bytes: number; names: number; unready: number };

export type CutRounds = {
  /** The folder whose disk loses power; it must exist. */
  readonly root: string;
  readonly cutCount: number;
  /** How many lines of the disk's journal a round may have; the start of a service is the first thirty or so. */
  readonly linesMax: number;
  readonly seed: number;
  /**
   * Starts the program with `environment`, by which it ends itself at a random thing it asks of the disk, and works it
   * until it has ended; answers whether it came to be of use.
   */
  readonly work: (environment: Readonly<Record<string, string>>, round: number, random: Random) => Promise<boolean>;
  /** Looks at what the disk kept, after each cut. */
  readonly check?: () => Promise<void>;
};

/** Cuts the power again and again, in each of the ways a disk may take it in turn. */
export async function cutAgainAndAgain(rounds: CutRounds): Promise<CutTally> {
  const { root, cutCount, linesMax, seed, work, check } = rounds;
  const random = seededRandom(seed);
  const tally: CutTally = { bytes: 0, names: 0, unready: 0 };
  await using disk = await PowerCutDisk.create(root);
  for (let round = 0; round < cutCount; round += 1) {
    const end = String(1 + random(linesMax));
    const isReady = await work({ ...disk.environment, DISK_SHIM_KILL_AT: end }, round, random);
    if (!isReady) tally.unready += 1;
    // What the first round made is durable after its cut: it should meet each of them.
    const loss = await disk.cut(cutModels[(round + seed + 1) % cutModels.length] ?? 'strict', random);
    tally.bytes += loss.bytes;
    tally.names += loss.names;
    if (!check) continue;
    await check();
    // What the check wrote, it wrote without the shim.
    await disk.settle();
  }
  return tally;
}

export function sumTallies(tallies: readonly CutTally[]): CutTally {
  const sum: CutTally = { bytes: 0, names: 0, unready: 0 };
  for (const { bytes, names, unready } of tallies) {
    sum.bytes += bytes;
    sum.names += names;
    sum.unready += unready;
  }
  return sum;
}
