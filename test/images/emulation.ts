import { existsSync } from 'node:fs';
import { arch } from 'node:process';
import { run, succeeds } from '../support/run-command.ts';
import { repository } from './build.ts';
import { type Architecture, architectures } from './config.ts';
import type { Engine } from './engine.ts';

const handler = '/proc/sys/fs/binfmt_misc/qemu-aarch64';

/**
 * Sees to it that programs for ARM64 run on this machine, by QEMU where it is of another kind. Needs root and the
 * packages qemu-user-static and binfmt-support where the kernel does not know the handler yet.
 */
export async function registerEmulation(): Promise<void> {
  if (arch === 'arm64' || existsSync(handler)) return;
  if (!existsSync('/proc/sys/fs/binfmt_misc/register'))
    await run(['mount', '-t', 'binfmt_misc', 'none', '/proc/sys/fs/binfmt_misc']);
  if (!(await succeeds(['update-binfmts', '--enable', 'qemu-aarch64'])) || !existsSync(handler))
    throw new Error('no emulation of ARM64: apt-get install qemu-user-static binfmt-support');
}

/** Runs the command-line image on every architecture, as compose does it, and returns what it printed there. */
export async function runEverywhere({ environment }: Engine): Promise<string> {
  const versions = [];
  for (const architecture of architectures)
    versions.push(`${architecture} ${await runTools(environment, architecture, [])}`);
  // QEMU up to 8 can pretend to the pages of a Raspberry Pi 5.
  versions.push(`arm64 with 16 KiB pages ${await runTools(environment, 'arm64', ['--env', 'QEMU_PAGESIZE=16384'])}`);
  return versions.join(', ');
}

async function runTools(environment: NodeJS.ProcessEnv, architecture: Architecture, more: readonly string[]) {
  const hardened = ['--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  const flags = ['--rm', '--platform', `linux/${architecture}`, ...hardened, ...more];
  const output = await run(['docker', 'run', ...flags, `${repository}:server-tools`, '--version'], { environment });
  return output.trim();
}
