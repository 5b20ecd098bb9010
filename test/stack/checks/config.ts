import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../images/config.ts';
import { run, succeeds } from '../../support/run-command.ts';
import type { Steps } from '../../support/steps.ts';
import type { ComposeFiles, Stack } from '../stack.ts';

const combinations: readonly ComposeFiles[] = [
  ['compose.yaml'],
  ['compose.yaml', 'tor.yaml'],
  ['compose.yaml', 'redis.yaml'],
  ['compose.yaml', 'mongo.yaml'],
  ['compose.yaml', 'dev.yaml'],
  ['compose.yaml', 'witness-egress.yaml'],
  ['compose.yaml', 'tor.yaml', 'redis.yaml', 'mongo.yaml', 'dev.yaml'],
  ['compose.yaml', 'test/stack/emulated.yaml'],
  ['single-process.yaml'],
  ['single-process.yaml', 'tor.yaml'],
  ['single-process.yaml', 'test/stack/emulated-16k.yaml'],
  ['standalone.yaml'],
];

/** Every way to combine the files is one that Compose takes. */
export async function checkConfig(steps: Steps, stack: Stack): Promise<void> {
  await steps.check('compose config', async () => {
    for (const files of combinations) await stack.compose(files, ['config', '-q']);
    return `${combinations.length} combinations of files`;
  });
  await checkUnit(steps);
}

const unitPath = join(root, 'deploy/systemd/lucid.service');
const dockerUnit = '[Unit]\nDescription=Docker\n[Service]\nExecStart=/bin/true\n';

/** The systemd unit is one systemd takes. */
async function checkUnit(steps: Steps): Promise<void> {
  await steps.check('systemd unit', async () => {
    if (!(await succeeds(['systemd-analyze', '--version']))) return 'left out: there is no systemd-analyze';
    const folder = await mkdtemp(join(tmpdir(), 'lucid-unit-'));
    try {
      // On a machine without Docker in its usual place the unit is looked at all the same.
      const text = (await readFile(unitPath, 'utf8')).replaceAll('/usr/bin/docker ', '/bin/true ');
      await writeFile(join(folder, 'lucid.service'), text);
      await writeFile(join(folder, 'docker.service'), dockerUnit);
      const environment = { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` };
      const remarks: string[] = [];
      const verify = ['systemd-analyze', 'verify', '--man=no', join(folder, 'lucid.service')] as const;
      await run([...verify], { environment, onLine: (line) => remarks.push(line) });
      if (remarks.length > 0) throw new Error(remarks.join('; '));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return 'systemd-analyze verify has nothing to say';
  });
}
