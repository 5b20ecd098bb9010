import { type Contestant, createContestant } from './contestant.ts';
import { Random } from './random.ts';
import { makeStream, type Stream } from './streams.ts';

interface Difference {
  readonly stream: readonly string[];
  readonly plain: string;
  readonly lane: string;
}

export interface FuzzReport {
  readonly streams: number;
  /** Requests the lane answered itself, and those it gave to the ordinary server. */
  readonly served: number;
  readonly handedOver: number;
  /** At most ten. */
  readonly differences: readonly Difference[];
}

const atOnce = 50;
const differencesMax = 10;

/** Holds an app with the fast lane against the same app without it: each stream must come to the same answers. */
export async function fuzzLane(options: { readonly streams: number; readonly seed: number }): Promise<FuzzReport> {
  await using plain = await createContestant(false);
  await using lane = await createContestant(true);
  const random = new Random(options.seed);
  const differences: Difference[] = [];
  let played = 0;
  while (played < options.streams && differences.length < differencesMax) {
    const streams = Array.from({ length: Math.min(atOnce, options.streams - played) }, () => makeStream(random));
    played += streams.length;
    differences.push(...(await compare(streams, plain, lane)));
  }
  const { served, handedOver } = lane.counted;
  return { streams: played, served, handedOver, differences: differences.slice(0, differencesMax) };
}

async function compare(streams: readonly Stream[], plain: Contestant, lane: Contestant): Promise<Difference[]> {
  const expected = await plain.play(streams);
  const found = await lane.play(streams);
  const differences = streams.flatMap((stream, index) => {
    if (expected[index] === found[index]) return [];
    const sent = stream.map((piece) => piece.toString('latin1'));
    return [{ stream: sent, plain: expected[index] ?? '', lane: found[index] ?? '' }];
  });
  const [ofPlain, ofLane] = [plain.takeLines(), lane.takeLines()];
  if (ofPlain.join() !== ofLane.join() && differences.length === 0) {
    const stream = ['the access log of fifty streams'];
    differences.push({ stream, plain: without(ofPlain, ofLane), lane: without(ofLane, ofPlain) });
  }
  return differences;
}

/** The lines that the others have not, as often as they have them. */
function without(lines: readonly string[], others: readonly string[]): string {
  const left = [...others];
  return lines.filter((line) => !left.includes(line) || left.splice(left.indexOf(line), 1).length === 0).join('\n');
}
