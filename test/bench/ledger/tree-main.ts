import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '@lucid/ledger/domain/log';
import { openLogKey } from '@lucid/ledger/domain/log-key';
import { inclusionProof } from '@lucid/ledger/domain/proofs';
import { verifyLog } from '@lucid/ledger/domain/verify-log';
import { openTestLog } from '../../support/ledger.ts';
import { memoryMibOf } from '../measure.ts';
import { batchEntries, entryBytes } from './request.ts';

// A log in a folder, without HTTP: `tree-main.ts FOLDER build SIZE | prove COUNT | open | verify | fill`. Answers one
// line of JSON.
const [folder = '', command = '', text = '0'] = process.argv.slice(2);
const key = openLogKey('bench.test/lucid/lucid', readFileSync(join(folder, 'ledger.key'), 'utf8'));
const commands: Readonly<Record<string, (count: number) => Promise<object>>> = { build, prove, open, verify, fill };

const answer = await commands[command]?.(Number(text));
console.log(JSON.stringify(answer));

/** Entries nobody could compress, each different, with their sizes before them. */
function packedFrom(first: number): Uint8Array {
  const stride = 2 + entryBytes;
  const bytes = randomBytes(batchEntries * stride);
  for (let offset = 0; offset < batchEntries; offset += 1) {
    bytes.writeUInt16BE(entryBytes, offset * stride);
    bytes.writeDoubleBE(first + offset, offset * stride + 2);
  }
  return bytes;
}

async function appendUntil(log: Log, isDone: () => boolean): Promise<void> {
  let next = log.treeSize;
  const writer = async (): Promise<void> => {
    while (!isDone()) {
      const first = next;
      next += batchEntries;
      await log.appendPacked({ bytes: packedFrom(first), count: batchEntries });
    }
  };
  await Promise.all(Array.from({ length: 8 }, writer));
}

async function build(size: number): Promise<object> {
  const log = await openTestLog(folder, key);
  const startedAt = performance.now();
  await appendUntil(log, () => log.treeSize >= size - 7 * batchEntries);
  const seconds = (performance.now() - startedAt) / 1000;
  const { treeSize } = log;
  await log[Symbol.asyncDispose]();
  return { treeSize, seconds };
}

/** Appends until it is killed; says once that it has begun. */
async function fill(): Promise<object> {
  const log = await openTestLog(folder, key);
  const before = log.treeSize;
  let hasSaid = false;
  await appendUntil(log, () => {
    if (!hasSaid && log.treeSize >= before + 20 * batchEntries) {
      hasSaid = true;
      console.log('filling');
    }
    return false;
  });
  return {};
}

async function open(): Promise<object> {
  const startedAt = performance.now();
  const log = await openTestLog(folder, key);
  const seconds = (performance.now() - startedAt) / 1000;
  const { treeSize } = log;
  await log[Symbol.asyncDispose]();
  return { treeSize, seconds };
}

/** Inclusion proofs of entries at random, µs; the tiles they need are mostly on the disk. */
async function prove(count: number): Promise<object> {
  const log = await openTestLog(folder, key);
  const { tree, treeSize } = log;
  const times: number[] = [];
  for (let at = -count / 10; at < count; at += 1) {
    const leafIndex = randomInt(treeSize);
    const begun = performance.now();
    inclusionProof(tree, leafIndex, treeSize);
    if (at >= 0) times.push((performance.now() - begun) * 1000);
  }
  await log[Symbol.asyncDispose]();
  times.sort((a, b) => a - b);
  return { treeSize, p50: times[count >> 1], p99: times[Math.floor(count * 0.99)] };
}

async function verify(): Promise<object> {
  const log = await openTestLog(folder, key);
  // What opening left behind would be collected, and hide what verifying takes.
  globalThis.gc?.();
  const before = memoryMibOf(process.pid);
  let peak = before;
  const look = (): void => void (peak = Math.max(peak, memoryMibOf(process.pid)));
  const timer = setInterval(look, 50);
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const { isValid, problems, treeSize } = await verifyLog(log);
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - startedAt) / 1000;
  clearInterval(timer);
  // A small log is done before the timer comes round.
  look();
  await log[Symbol.asyncDispose]();
  if (!isValid) throw new Error(`the log does not hold: ${problems.join('; ')}`);
  return { treeSize, seconds, cpuSeconds: (user + system) / 1e6, growthMib: peak - before };
}
