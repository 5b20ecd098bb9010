import { checkFileSystem, checkMounted, checkSpace, checkWritable } from './disk.ts';
import type { Finding } from './finding.ts';
import type { Host } from './host.ts';
import { checkMemoryCgroup } from './memory.ts';
import type { ChosenParts } from './parts.ts';
import { checkMongo, checkPageSize, readProcessor } from './processor.ts';

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
