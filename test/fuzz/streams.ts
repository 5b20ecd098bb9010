import type { Random } from './random.ts';
import { makeRequest, smuggled } from './requests.ts';

/** What one client sends: pieces, each read by itself. */
export type Stream = readonly Buffer[];

/** A client's bytes: mostly requests, some out of the ordinary, some broken on purpose, cut at random places. */
export function makeStream(random: Random): Stream {
  return split(mutate(bytesOf(random), random), random);
}

function bytesOf(random: Random): Buffer[] {
  const count = 1 + random.integer(4);
  return Array.from({ length: count }, () => {
    if (random.once(25)) return Buffer.from(random.pick(smuggled), 'latin1');
    return makeRequest(random, random.once(6) ? 1 + random.integer(2) : 0);
  });
}

/** In a quarter of the streams bytes are changed, put in, taken out, doubled, or the end is missing. */
function mutate(requests: readonly Buffer[], random: Random): Buffer[] {
  if (!random.once(4)) return [...requests];
  let bytes = Buffer.concat(requests);
  for (let left = 1 + random.integer(3); left > 0; left -= 1) {
    const at = random.integer(bytes.length + 1);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const odd = Buffer.from(random.pick(['\r', '\n', '\0', ' ', ':', '\r\n', '\t', 'A', '\xff', '\r\n\r\n']), 'latin1');
    const kind = random.integer(5);
    if (kind === 0) bytes = Buffer.concat([before, odd, after]);
    else if (kind === 1) bytes = Buffer.concat([before, after.subarray(1)]);
    else if (kind === 2) bytes = Buffer.concat([before, odd, after.subarray(odd.length)]);
    else if (kind === 3) bytes = Buffer.concat([before, before.subarray(-20), after]);
    else bytes = before;
    if (bytes.length === 0) break;
  }
  return [bytes];
}

function split(requests: readonly Buffer[], random: Random): Stream {
  // Often as most clients send: each request by itself.
  if (!random.once(3)) return requests;
  const bytes = Buffer.concat(requests);
  const cuts = new Set<number>();
  for (let left = random.integer(5); left > 0; left -= 1) cuts.add(random.integer(bytes.length + 1));
  const places = [0, ...[...cuts].toSorted((a, b) => a - b), bytes.length];
  return places
    .slice(1)
    .map((end, index) => bytes.subarray(places[index], end))
    .filter(({ length }) => length > 0);
}
