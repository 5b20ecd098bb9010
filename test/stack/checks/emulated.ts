import type { Steps } from '../../support/steps.ts';
import { findContainer, listContainers } from '../containers.ts';
import type { ComposeFiles, Stack } from '../stack.ts';
import { nine } from '../topology.ts';
import { waitUntilHealthy } from './faults.ts';

const emulatedFiles: ComposeFiles = ['compose.yaml', 'test/stack/emulated.yaml'];
const largePageFiles: ComposeFiles = ['single-process.yaml', 'test/stack/emulated-16k.yaml'];

/** The auxiliary vector's AT_PAGESZ, 6: what the kernel, here QEMU, says a page is. */
const pageSize = `const words = new BigUint64Array(require('node:fs').readFileSync('/proc/self/auxv').buffer);
for (let at = 0; at < words.length; at += 2) if (words[at] === 6n) console.log(process.arch, Number(words[at + 1]));`;

/** The same images for ARM64: nine services, and all in one process with pages of 16 KiB. */
export async function checkEmulated(steps: Steps, stack: Stack): Promise<void> {
  await stack.down();
  await stack.empty();
  await steps.check('nine services on emulated ARM64', async () => {
    const seconds = await stack.up(emulatedFiles);
    await waitUntilHealthy(stack, nine);
    const isArm = await Promise.all((await listContainers(stack)).map(async ({ id }) => await describe(stack, id)));
    if (!isArm.every((text) => text.startsWith('arm64 '))) throw new Error(isArm.join(', '));
    return `healthy after ${seconds.toFixed(0)} s`;
  });
  await stack.down();
  await steps.check('one process on emulated ARM64, pages of 16 KiB', async () => {
    await stack.empty();
    const seconds = await stack.up(largePageFiles);
    const { id } = await findContainer(stack, 'platform');
    const found = await describe(stack, id);
    if (found !== 'arm64 16384') throw new Error(`it runs on ${found}`);
    await stack.get('http://127.0.0.1:8082/readyz');
    return `healthy after ${seconds.toFixed(0)} s on ${found}`;
  });
  await stack.down();
}

async function describe(stack: Stack, id: string): Promise<string> {
  return (await stack.docker(['exec', id, '/nodejs/bin/node', '-e', pageSize])).trim();
}
