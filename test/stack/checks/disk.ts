import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';
import { CommandFailed } from '../../support/run-command.ts';
import type { Steps } from '../../support/steps.ts';
import { listContainers } from '../containers.ts';
import { makeFolderOnSystemDisk } from '../disk.ts';
import type { Stack } from '../stack.ts';

/** Without the disk nothing starts, nothing is written, and the reason is said. */
export async function checkDisk(steps: Steps, stack: Stack): Promise<void> {
  await steps.check('disk not mounted', async () => {
    const folder = await makeFolderOnSystemDisk();
    const elsewhere = stack.with({}, { root: folder });
    try {
      await expectRefusal(elsewhere);
      const logs = await elsewhere.compose(['compose.yaml'], ['logs', '--no-log-prefix', 'preflight']);
      const reason = stripVTControlCharacters(logs); // it moves the cursor even where there is no terminal
      const line = reason.split('\n').find((text) => text.startsWith('FAIL'));
      if (!line?.includes('disk-mounted')) throw new Error(`preflight does not say why: ${reason}`);
      const left = await readdir(folder);
      if (left.length > 0) throw new Error(`on the system's disk there is ${left.join(', ')}`);
      return `no service starts; preflight: ${line.replace(folder, 'the folder').replaceAll(/\s+/g, ' ').trim()}`;
    } finally {
      await elsewhere.down();
      await rm(folder, { recursive: true, force: true });
    }
  });
  await steps.check('folder missing', async () => {
    const missing = stack.with({}, { root: `${stack.root}-missing` });
    try {
      const output = await expectRefusal(missing);
      if (!output.includes('does not exist')) throw new Error(output);
      if (existsSync(missing.root)) throw new Error(`Compose made ${missing.root}`);
      return output.trim().split('\n').at(-1) ?? '';
    } finally {
      await missing.down();
    }
  });
}

async function expectRefusal(stack: Stack): Promise<string> {
  const output = await stack.up(['compose.yaml']).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof CommandFailed) return error.output;
      throw error;
    },
  );
  const running = (await listContainers(stack)).map(({ service }) => service);
  if (output === undefined || running.length > 0) throw new Error(`these run all the same: ${running.join(', ')}`);
  return output;
}
