import { cliError } from '../errors.ts';
import { checkFileSystem, checkMounted, checkSpace, checkWritable } from './disk.ts';
import type { Finding } from './finding.ts';
import type { Host } from './host.ts';
import { checkMemoryCgroup } from './memory.ts';
import { checkMongo, checkPageSize, readProcessor } from './processor.ts';

/** Parts beside the services that a platform may be started with, and their versions where they matter. */
export type ChosenParts = ReadonlyMap<string, string | undefined>;

const partNames = ['mongo', 'redis', 'tor'];

/** Reads `mongo:7.0,redis`. @throws USAGE_INVALID */
export function parseParts(list: readonly string[]): ChosenParts {
  const parts = new Map<string, string | undefined>();
  for (const part of list.flatMap((text) => text.split(',')).filter(Boolean)) {
    const [name = '', version] = part.split(':');
    if (!partNames.includes(name) || (version !== undefined && !/^\d+(\.\d+)*$/.test(version))) {
      throw cliError('USAGE_INVALID', `--with takes ${partNames.join(', ')}, or mongo:VERSION, not "${part}".`);
    }
    parts.set(name, version);
  }
  return parts;
}

/** What must hold before anything is started: facts of the machine only, no network. */
export function preflight(host: Host, root: string, parts: ChosenParts): Finding[] {
  const processor = readProcessor(host);
  return [
    checkMounted(host, root),
    checkFileSystem(host, root),
    checkWritable(root),
    checkSpace(root),
    checkMemoryCgroup(host),
    checkPageSize(processor),
    ...(parts.has('mongo') ? [checkMongo(host, processor, parts.get('mongo'))] : []),
  ];
}
