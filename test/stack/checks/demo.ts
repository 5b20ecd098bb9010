import { randomBytes } from 'node:crypto';
import { chmod, chown, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root as repository } from '../../images/config.ts';
import type { Steps } from '../../support/steps.ts';
import type { Stack } from '../stack.ts';

const demoMain = join(repository, 'packages/platform/src/demo/main.ts');
const cliMain = join(repository, 'packages/cli/src/main.ts');
const operator = 'operator';
const bundleInside = 'stack.lucid-proof.json';
const user = 1000;

/** Files a run keeps between its parts. */
export interface Keepsakes {
  readonly folder: string;
  readonly passwordFile: string;
  readonly bundle: string;
}

export async function makeKeepsakes(folder: string): Promise<Keepsakes> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, randomBytes(18).toString('base64url'), { mode: 0o600 });
  return { folder, passwordFile, bundle: join(folder, 'bundle.lucid-proof.json') };
}

/** What a new operator does: the first administrator, a sealed session, its bundle verified; with the images alone. */
export async function checkOperator(steps: Steps, stack: Stack, { passwordFile }: Keepsakes): Promise<void> {
  await steps.need('an operator with the images alone', async () => {
    const folder = join(stack.root, 'data/server-tools');
    const inside = join(folder, 'password');
    await copyFile(passwordFile, inside);
    await chmod(inside, 0o600);
    await chown(inside, user, user);
    const code = (await readFile(join(stack.root, 'data/api/setup-code'), 'utf8')).trim();
    const lucid = (args: readonly string[], input?: string) =>
      stack.compose(
        ['compose.yaml'],
        ['run', '--rm', '-T', 'server-tools', ...args],
        input === undefined ? {} : { input },
      );
    await lucid([
      'login',
      '--setup-code',
      code,
      '--username',
      operator,
      '--password-file',
      '/var/lib/server-tools/password',
    ]);
    await lucid(['session', 'record', '-', '--label', 'stack', '--seal'], 'what happened\n');
    await lucid(['session', 'export', 'latest', '--output', bundleInside]);
    await lucid(['verify', bundleInside]);
    return [undefined, 'setup code, sign-in, recorded from a pipe, sealed, exported, verified'];
  });
}

/** The main job through the gateway's published port. */
export async function checkDemo(steps: Steps, stack: Stack, { passwordFile, bundle }: Keepsakes): Promise<void> {
  await steps.check('demo through the gateway', async () => {
    const output = await runDemo(stack, ['--url', 'http://127.0.0.1:8082', '--keep', bundle], passwordFile);
    return output.trim().split('\n').at(-1) ?? '';
  });
}

/** Runs `pnpm demo` as the operator, where the published ports are. */
export async function runDemo(stack: Stack, args: readonly string[], passwordFile: string): Promise<string> {
  return await stack.inNetwork([
    process.execPath,
    '--conditions=source',
    demoMain,
    '--member-key',
    join(stack.root, 'keys/member.key'),
    '--username',
    operator,
    '--password-file',
    passwordFile,
    ...args,
  ]);
}

/** Throws unless the bundle the demo kept still verifies, offline. */
export async function verifyKept(stack: Stack, { bundle }: Keepsakes): Promise<void> {
  const trust = `${bundle}.policy`;
  await stack.inNetwork([process.execPath, '--conditions=source', cliMain, 'verify', bundle, '--trust', trust]);
}
