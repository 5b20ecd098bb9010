import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hostFolders } from '../setup/host-layout.ts';
import { checkOpenFiles, checkSettings, checkSwap, checkTemperature, checkVoltage } from './board.ts';
import { checkClock } from './clock.ts';
import type { Finding } from './finding.ts';
import { checkFolders } from './folders.ts';
import { checkFsync } from './fsync.ts';
import type { Host } from './host.ts';
import { checkMemoryCgroup, checkMemoryTotal } from './memory.ts';
import type { ChosenParts } from './parts.ts';
import { preflight } from './preflight.ts';
import { checkFeatures, checkPageSize, readProcessor } from './processor.ts';

export interface MachineOptions {
  /** The platform's folder; without it nothing is said of the disk, the keys and the folders. */
  readonly root: string | undefined;
  readonly parts: ChosenParts;
  /** A time server to compare the clock with. */
  readonly ntpHost: string | undefined;
}

/** Everything there is to say of the machine itself. Asks no network but the time server, where one is named. */
export async function examineMachine(host: Host, { root, parts, ntpHost }: MachineOptions): Promise<Finding[]> {
  const processor = readProcessor(host);
  return [
    ...(root === undefined
      ? [noRoot, checkMemoryCgroup(host), checkPageSize(processor)]
      : preflight(host, root, parts)),
    ...(root === undefined ? [] : examineRoot(root)),
    checkFeatures(host, processor),
    checkMemoryTotal(host, parts),
    checkSwap(host),
    checkTemperature(host),
    checkVoltage(host),
    checkOpenFiles(host),
    ...checkSettings(host, parts),
    await checkClock(host, root, ntpHost),
  ];
}

function examineRoot(root: string): Finding[] {
  const data = join(root, hostFolders.data);
  return [checkFsync(existsSync(data) ? data : root), ...checkFolders(root)];
}

const noRoot: Finding = {
  id: 'root',
  severity: 'info',
  found: 'Nothing was looked at of the platform’s folder: --root FOLDER names it.',
  why: 'The disk, the keys and the secrets are there.',
};
