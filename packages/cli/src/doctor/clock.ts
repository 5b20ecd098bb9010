import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hostFolders } from '../setup/host-layout.ts';
import type { Finding } from './finding.ts';
import { type Host, isContainer } from './host.ts';
import { querySkew } from './sntp.ts';

const id = 'clock';
const why =
  'Tokens, seals and blocks carry the time, and Tor works with none that is far off. A Pi has no clock of its own while it is off.';
const fix =
  'sudo timedatectl set-ntp true; timedatectl timesync-status says whether it works. On a Pi 5 a battery on the RTC connector keeps the time.';

/** How far a clock may be off, ms. */
const warnMs = 2000;
const failMs = 60_000;

/** Whether the clock is right: by a time server where one is named, else by what this machine knows. */
export async function checkClock(
  host: Host,
  root: string | undefined,
  ntpHost: string | undefined,
  now = Date.now(),
): Promise<Finding> {
  const newest = root === undefined ? undefined : findNewestMs(root);
  if (newest !== undefined && newest - now > warnMs) {
    const found = `The clock says ${new Date(now).toISOString()}, but something was kept at ${new Date(newest).toISOString()} already.`;
    return { id, severity: 'fail', found, why, fix };
  }
  if (ntpHost !== undefined) return await askServer(ntpHost);
  if (host.has('run/systemd/timesync/synchronized')) {
    return { id, severity: 'ok', found: 'The clock is kept by systemd-timesyncd.', why };
  }
  if (host.has('run/chrony/chronyd.pid') || host.has('run/ntpd.pid')) {
    return { id, severity: 'ok', found: 'The clock is kept by a time daemon (chrony or ntpd).', why };
  }
  const found = 'Nothing says that the clock is kept in time; --ntp HOST asks a time server.';
  return isContainer(host) ? { id, severity: 'info', found, why } : { id, severity: 'warn', found, why, fix };
}

async function askServer(ntpHost: string): Promise<Finding> {
  try {
    const { skewMs } = await querySkew(ntpHost);
    const found = `The clock is ${Math.abs(Math.round(skewMs))} ms ${skewMs > 0 ? 'behind' : 'ahead of'} ${ntpHost}.`;
    if (Math.abs(skewMs) < warnMs) return { id, severity: 'ok', found, why };
    return { id, severity: Math.abs(skewMs) < failMs ? 'warn' : 'fail', found, why, fix };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { id, severity: 'warn', found: `${ntpHost} did not tell the time: ${reason}.`, why, fix };
  }
}

/** The latest time the platform is known to have lived through, ms: its genesis, and what its stores hold. */
function findNewestMs(root: string): number | undefined {
  const times: number[] = [];
  attempt(() => {
    const genesis = JSON.parse(readFileSync(join(root, hostFolders.keys, 'genesis.json'), 'utf8')) as unknown;
    const { timestamp } = (genesis ?? {}) as { timestamp?: unknown };
    if (typeof timestamp === 'number') times.push(timestamp * 1000);
  });
  attempt(() => {
    const data = join(root, hostFolders.data);
    for (const name of readdirSync(data)) attempt(() => times.push(...listTimes(join(data, name))));
  });
  return times.length === 0 ? undefined : Math.max(...times);
}

function listTimes(folder: string): number[] {
  return [folder, ...readdirSync(folder).map((name) => join(folder, name))].map((path) => statSync(path).mtimeMs);
}

/** What cannot be read here knows no time; other checks say so. */
function attempt(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof Error && ('code' in error || error instanceof SyntaxError))) throw error;
  }
}
