import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed } from '../../support/run-command.ts';
import type { Steps } from '../../support/steps.ts';
import { type Container, listContainers } from '../containers.ts';
import { processesOf } from '../processes.ts';
import type { Stack } from '../stack.ts';

/** What a container could write to if it were not confined; each is tried from inside. */
const places = [
  '/',
  '/app',
  '/bin',
  '/dev',
  '/dev/shm',
  '/etc',
  '/home',
  '/nodejs',
  '/opt',
  '/run',
  '/run/secrets',
  '/sys/fs/cgroup',
];
const attempt = `for (const place of ${JSON.stringify([...places, '/sys', '/usr', '/var', '/var/lib'])}) {
  try { require('node:fs').writeFileSync(place + '/written-by-a-check', ''); console.log(place); } catch {}
}`;

/** Nothing runs as root, nothing can be written but data, and no secret is where an inspection shows it. */
export async function checkConfinement(steps: Steps, stack: Stack): Promise<void> {
  const containers = await listContainers(stack);
  await steps.check('nothing runs as root', async () => {
    const counts = await Promise.all(containers.map(checkProcesses));
    const total = counts.reduce((sum, count) => sum + count, 0);
    return `${total} processes: user 1000, no capability, no new privileges, system calls filtered`;
  });
  await steps.check('a write outside the data folder fails', async () => {
    for (const container of containers) {
      await checkMounts(container);
      const written = hasNode(container)
        ? await stack.docker(['exec', container.id, '/nodejs/bin/node', '-e', attempt])
        : '';
      if (written !== '')
        throw new Error(`${container.service} could write to ${written.trim().split('\n').join(', ')}`);
    }
    return `${containers.length} containers; writable are data, /tmp (never to execute) and nothing else`;
  });
  await steps.check('no shell to enter', async () => {
    for (const { id, service } of containers) {
      const entered = await stack.docker(['exec', id, '/bin/sh', '-c', 'true']).then(
        () => true,
        (error: unknown) => !(error instanceof CommandFailed),
      );
      if (entered) throw new Error(`${service} has a shell`);
    }
    return `${containers.length} containers`;
  });
  await steps.check('no secret in environment, inspection or log', async () => {
    const secrets = await readSecrets(join(stack.root, 'keys'));
    for (const { service, pid, inspected } of containers) {
      const shown = [JSON.stringify(inspected), await readFile(`/proc/${pid}/environ`, 'utf8')];
      if (shown.some((text) => secrets.some((secret) => text.includes(secret))))
        throw new Error(`${service} shows one`);
    }
    const logs = await stack.docker(['compose', '-p', stack.project, 'logs', '--no-color']);
    if (secrets.some((secret) => logs.includes(secret))) throw new Error('a log shows one');
    return `${secrets.length} secrets looked for in ${containers.length} containers and ${logs.length} bytes of logs`;
  });
}

function hasNode({ service }: Container): boolean {
  return service !== 'tor-proxy' && service !== 'redis';
}

async function checkProcesses({ service, pid }: Container): Promise<number> {
  const pids = await processesOf(pid);
  for (const each of pids) {
    const status = await readFile(`/proc/${each}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
    const isConfined =
      field('Uid')
        .split(/\s+/)
        .every((uid) => uid === '1000') &&
      field('Gid')
        .split(/\s+/)
        .every((gid) => gid === '1000') &&
      ['CapEff', 'CapPrm', 'CapBnd'].every((name) => /^0+$/.test(field(name))) &&
      field('NoNewPrivs') === '1' &&
      field('Seccomp') === '2';
    if (!isConfined) throw new Error(`process ${field('Name')} of ${service} is not confined: ${status}`);
  }
  return pids.length;
}

/** Mounts that take writes: state, the sockets of tor, /tmp; and the kernel's own, which only root could write. */
const writable = /^\/(var\/lib\/[a-z-]+|lucid\/[a-z-]+|run\/tor|tmp|dev(\/.*)?|proc(\/.*)?|sys\/fs\/cgroup)$/;

async function checkMounts({ service, pid }: Container): Promise<void> {
  const rows = (await readFile(`/proc/${pid}/mountinfo`, 'utf8')).trim().split('\n');
  for (const row of rows) {
    const [, , , , point = '', options = ''] = row.split(' ');
    const flags = options.split(',');
    if (flags.includes('ro')) continue;
    if (!writable.test(point)) throw new Error(`${service} has ${point} mounted for writing`);
    if (point === '/tmp' && !flags.includes('noexec')) throw new Error(`${service} may execute what is in /tmp`);
  }
}

/** The contents of every key file but the genesis, which is public. */
async function readSecrets(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name !== 'genesis.json');
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  // Of a PEM the key itself: its first and last line are in every one.
  return texts.map(
    (text) => text.split('\n').find((line) => line.length > 20 && !line.startsWith('---')) ?? text.trim(),
  );
}
