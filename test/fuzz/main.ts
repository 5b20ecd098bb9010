import { parseArgs } from 'node:util';
import { fuzzLane } from './fuzz.ts';

const { values } = parseArgs({
  options: { streams: { type: 'string', default: '200000' }, seed: { type: 'string' } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const startedAt = performance.now();
const report = await fuzzLane({ streams: Number(values.streams), seed });
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(
  `${report.streams} streams with seed ${seed} in ${seconds} s: ${report.served} requests served on the lane, ` +
    `${report.handedOver} given to the ordinary server, ${report.differences.length} differences`,
);
for (const difference of report.differences) console.log(JSON.stringify(difference, null, 2));
if (report.differences.length > 0) process.exitCode = 1;
