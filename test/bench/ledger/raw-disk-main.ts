import { randomBytes } from 'node:crypto';
import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

// For each line on its input, a number of seconds, appends and syncs 512 B that long and answers a round as JSON.
const file = openSync(process.argv[2] ?? '', 'a');
const bytes = randomBytes(512);

for await (const line of createInterface({ input: process.stdin })) {
  const times: number[] = [];
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  let now = startedAt;
  for (const endAt = startedAt + Number(line) * 1000; now < endAt; ) {
    const begun = now;
    writeSync(file, bytes);
    fdatasyncSync(file);
    now = performance.now();
    times.push(now - begun);
  }
  times.sort((a, b) => a - b);
  const { user, system } = process.cpuUsage(cpuBefore);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  const round = { operations: times.length, seconds: (now - startedAt) / 1000, cpuSeconds: (user + system) / 1e6 };
  console.log(JSON.stringify({ ...round, p50Ms: at(0.5), p99Ms: at(0.99) }));
}
