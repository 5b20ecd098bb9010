import { formatBytes } from '../output.ts';
import type { Finding } from './finding.ts';
import type { Host } from './host.ts';
import type { ChosenParts } from './parts.ts';

/** Whether memory limits work: on Raspberry Pi OS the kernel leaves the controller off, and limits do nothing. */
export function checkMemoryCgroup(host: Host): Finding {
  const id = 'memory-cgroup';
  const why = 'Without the memory controller Docker ignores every limit: one service can take the whole machine down.';
  const fix =
    'Add cgroup_enable=memory to the end of the one line in /boot/firmware/cmdline.txt (elsewhere: to the kernel’s command line), then: sudo reboot';
  const { version, isOn } = readMemoryCgroup(host);
  if (isOn === undefined) {
    return { id, severity: 'warn', found: 'Whether memory limits work cannot be told: no control groups.', why, fix };
  }
  const found = `The memory controller is ${isOn ? 'on' : 'off'} (cgroup v${version}).`;
  return isOn ? { id, severity: 'ok', found, why } : { id, severity: 'fail', found, why, fix };
}

function readMemoryCgroup(host: Host): { readonly version: 1 | 2; readonly isOn: boolean | undefined } {
  const controllers = host.text('sys/fs/cgroup/cgroup.controllers');
  if (controllers !== undefined) return { version: 2, isOn: controllers.split(' ').includes('memory') };
  if (host.has('sys/fs/cgroup/memory/memory.limit_in_bytes')) return { version: 1, isOn: true };
  // Of version 1 the kernel lists its controllers: name, hierarchy, groups, enabled.
  const row = host.text('proc/cgroups')?.match(/^memory\s+\d+\s+\d+\s+([01])$/m);
  if (row) return { version: 1, isOn: row[1] === '1' };
  const hasOthers = host.list('sys/fs/cgroup').length > 0 || host.has('proc/cgroups');
  return { version: 1, isOn: hasOthers ? false : undefined };
}

/** Total memory, bytes. */
function readMemoryTotal(host: Host): number | undefined {
  const kib = host.text('proc/meminfo')?.match(/^MemTotal:\s+(\d+) kB/m)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

const MiB = 2 ** 20;

/** What the containers may take together by the limits of compose/*.yaml, bytes. */
export const memoryLimits = {
  services: 2688 * MiB,
  /** All services in one process. */
  together: 640 * MiB,
  mongo: 1024 * MiB,
  redis: 192 * MiB,
  tor: 352 * MiB,
} as const;

/** What the kernel and Docker need for themselves, bytes. */
const systemBytes = 256 * MiB;

/** Whether the limits of all containers fit this machine. */
export function checkMemoryTotal(host: Host, parts: ChosenParts): Finding {
  const id = 'memory-total';
  const why = 'Where the limits do not fit, the kernel ends a process when all are busy.';
  const total = readMemoryTotal(host);
  if (total === undefined) return { id, severity: 'info', found: 'The size of the memory cannot be told.', why };
  const ofParts = [...parts.keys()].map((part) => memoryLimits[part as 'mongo' | 'redis' | 'tor']);
  const limits = ofParts.reduce((sum, bytes) => sum + bytes, memoryLimits.services + systemBytes);
  const found = `${formatBytes(total)} of memory; the limits of all containers are ${formatBytes(limits)}.`;
  if (total >= limits) return { id, severity: 'ok', found, why };
  const least = limits - memoryLimits.services + memoryLimits.together;
  if (total >= least) {
    return { id, severity: 'warn', found, why, fix: 'Run all services in one process: compose/single-process.yaml.' };
  }
  return { id, severity: 'fail', found, why, fix: `Use a machine with ${formatBytes(least)} or more, or fewer parts.` };
}
