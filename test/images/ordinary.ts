import { join } from 'node:path';
import { run } from '../support/run-command.ts';
import { developmentImage, repository } from './build.ts';
import type { Engine } from './engine.ts';

const rounds = 5;

/** Starts the command line, prints its version and, on the other stream, the most memory it had, in KiB. */
const script = [
  "process.on('exit', () => console.error(process.resourceUsage().maxRSS));",
  "process.argv = ['node', 'lucid', '--version'];",
  "import('/measured/main.js');",
].join(' ');

interface Sample {
  readonly startMs: number;
  readonly memoryKib: number;
}

/**
 * The same program on the same Node in a distroless image and in an ordinary Debian one, in turns: how long a container
 * takes from `docker run` to its end, and how much memory the program has at most. Medians.
 */
export async function compareWithOrdinary({ environment }: Engine, contents: string): Promise<string> {
  const app = `${join(contents, 'server-tools/app')}:/measured:ro`;
  const measure = async (tag: string, node: string): Promise<Sample> => {
    const startedAt = performance.now();
    const flags = ['--rm', '--network', 'none', '--volume', app, '--entrypoint', node, '--env', 'NODE_OPTIONS='];
    const output: string[] = [];
    const command = ['docker', 'run', ...flags, `${repository}:${tag}`, '--eval', script] as const;
    await run([...command], { environment, onLine: (line) => output.push(line) });
    return { startMs: performance.now() - startedAt, memoryKib: Number(output.at(-1)) };
  };
  const ours: Sample[] = [];
  const theirs: Sample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await measure('server-tools', '/nodejs/bin/node'));
    theirs.push(await measure(developmentImage, 'node'));
  }
  const start = ratio(ours, theirs, ({ startMs }) => startMs);
  const memory = ratio(ours, theirs, ({ memoryKib }) => memoryKib);
  return `start ${start}, memory ${memory} of the same program’s in a Debian image (medians of ${rounds})`;
}

function ratio(ours: readonly Sample[], theirs: readonly Sample[], figure: (sample: Sample) => number): string {
  const median = (samples: readonly Sample[]) =>
    samples.map(figure).toSorted((a, b) => a - b)[rounds >> 1] ?? Number.NaN;
  return `${Math.round((100 * median(ours)) / median(theirs))} %`;
}
