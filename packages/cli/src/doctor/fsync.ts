import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './finding.ts';

const rounds = 50;
const pageBytes = 4096;
/** What an SSD keeps well below and an SD card often passes, ms. */
const slowMs = 20;

/** How long the disk takes to have a page for good: everything the platform answers has waited for that. */
export function checkFsync(folder: string): Finding {
  const id = 'fsync';
  const why = 'Nothing is answered as kept before the disk has it: a slow disk makes every seal and upload slow.';
  try {
    const times = measure(join(folder, `.${randomBytes(8).toString('hex')}.tmp`)).toSorted((a, b) => a - b);
    const [p50, p95] = [times[Math.floor(rounds / 2)] ?? 0, times[Math.floor(rounds * 0.95)] ?? 0];
    const found = `${folder}: fsync takes ${p50.toFixed(2)} ms (p50), ${p95.toFixed(2)} ms (p95).`;
    if (p50 < slowMs) return { id, severity: 'ok', found, why };
    return { id, severity: 'warn', found, why, fix: 'Use an SSD on a USB 3 port or NVMe, not an SD card or a stick.' };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return { id, severity: 'info', found: `${folder} cannot be written here (${String(error.code)}).`, why };
  }
}

function measure(path: string): number[] {
  const file = openSync(path, 'wx', 0o600);
  try {
    return Array.from({ length: rounds }, () => {
      writeSync(file, Buffer.alloc(pageBytes));
      const from = performance.now();
      fsyncSync(file);
      return performance.now() - from;
    });
  } finally {
    closeSync(file);
    rmSync(path);
  }
}
