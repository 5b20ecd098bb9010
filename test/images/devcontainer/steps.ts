import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/run-command.ts';
import type { Steps } from '../../support/steps.ts';
import { developmentImage, repository } from '../build.ts';
import { architectures, cacheDir, outputDir, root } from '../config.ts';
import type { Engine } from '../engine.ts';
import { OciLayout } from '../oci.ts';
import { DevContainer } from './dev-container.ts';
import { makeDevelopmentTools } from './tools.ts';

/** The folder of the layout that `buildDevelopmentImage` writes. */
const developmentLayout = join(cacheDir, 'devcontainer/layout');

/**
 * Builds `infrastructure-dev` for both architectures without a network in the builder, and loads it.
 * @returns the digest of its index
 */
export async function buildDevelopmentImage(steps: Steps, engine: Engine, revision: string): Promise<string> {
  await steps.need(`what ${developmentImage} is made of`, async () => {
    const made = await makeDevelopmentTools();
    return [made, made.length === 0 ? 'as it was' : `made for ${made.join(' and ')}`];
  });
  return await steps.need(`build ${developmentImage}`, () => build(engine, revision));
}

/**
 * Starts the image as an editor would, with the features of this repository: who is inside, what listens, who gets in
 * by ssh, and that it needs no network to start. The feature from a registry (docker-in-docker) is left out, as there
 * is none to ask here.
 */
export async function devcontainerSteps(steps: Steps, engine: Engine): Promise<void> {
  const folder = mkdtempSync(join(cacheDir, 'devcontainer-'));
  const container = new DevContainer(engine, folder, `${repository}:${developmentImage}`);
  try {
    await steps.check('devcontainer: the configuration is read', () => container.readConfiguration());
    const isUp = await steps.check('devcontainer: starts without a network', () => container.up());
    if (isUp) await checkInside(steps, container);
  } finally {
    await container.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Builds into the engine and, unless it is there already, into a layout that can be looked into. The final stage of the
 * Dockerfile runs nothing, so nothing is emulated.
 */
async function build(engine: Engine, revision: string): Promise<readonly [string, string]> {
  const digest = await bake(engine, 'type=image,oci-mediatypes=true,unpack=true', revision);
  if (!existsSync(join(developmentLayout, 'index.json')) || !holds(developmentLayout, digest)) {
    rmSync(developmentLayout, { recursive: true, force: true });
    await bake(engine, `type=oci,tar=false,dest=${developmentLayout}`, revision);
    if (!holds(developmentLayout, digest)) throw new Error('built twice, it is not the same image');
  }
  return [digest, `${architectures.join(' and ')}, ${digest}`];
}

function holds(folder: string, digest: string): boolean {
  return new OciLayout(folder).index.manifests.some((manifest) => manifest.digest === digest);
}

/** @returns the digest of the image's index */
async function bake({ environment }: Engine, output: string, revision: string): Promise<string> {
  const metadata = join(cacheDir, 'devcontainer/bake.json');
  const sets = [
    `output=${output}`,
    `platform=${architectures.map((name) => `linux/${name}`).join(',')}`,
    `contexts.tools=oci-layout://${join(outputDir, developmentImage)}`,
  ].flatMap((set) => ['--set', `${developmentImage}.${set}`]);
  const flags = ['--progress', 'plain', '--metadata-file', metadata, ...sets];
  await run(['docker', 'buildx', 'bake', ...flags, developmentImage], {
    environment: { ...environment, REPO: repository, REVISION: revision, SOURCE_DATE_EPOCH: '0' },
    cwd: root,
  });
  const built = JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, Record<string, string>>;
  return built[developmentImage]?.['containerimage.digest'] ?? 'none';
}

async function checkInside(steps: Steps, container: DevContainer): Promise<void> {
  await steps.check('devcontainer: somebody who is not root works there', async () => {
    await container.expect('id -un', /^node$/);
    await container.expect('sudo -n id -un', /^root$/);
    await container.expect('test -w /pnpm/store && test -w "$PWD/node_modules" && echo writable', /^writable$/);
    return 'node, who owns the volumes and may become root';
  });
  await steps.check('devcontainer: nothing of the host is inside', async () => {
    await container.expect('ls /var/run/docker.sock /run/docker.sock 2>&1; true', /No such file.*\n.*No such file/);
    await container.expect('ls /etc/ssh/ | grep -c host_; true', /^0$/);
    return 'no Docker socket, no host key in the image';
  });
  await steps.check('devcontainer: pnpm without a network', async () =>
    (
      await container.expect(
        'npx -y pnpm --version && pnpm store path && node --version',
        /^12\.\S+\n\/pnpm\/store\S*\nv24\./,
      )
    ).replaceAll('\n', ', '),
  );
  await steps.check('devcontainer: tor is there and does not run', async () => {
    await container.expect('pgrep -c tor; true', /^0$/);
    await container.expect('command -v tor-gencert', /^\/usr\/bin\/tor-gencert$/);
    return await container.expect('tor --version | head -1', /^Tor version 0\.4\./);
  });
  await steps.check('devcontainer: sshd listens on loopback alone', async () => {
    await container.expect("ss -Hltn | awk '{print $4}'", /^127\.0\.0\.1:2222$/);
    return '127.0.0.1:2222, as node';
  });
  await steps.check('devcontainer: ssh by key, and by nothing else', async () => {
    await container.expect(container.ssh('node', 'key', 'id -un'), /^node$/);
    const refused = /Permission denied \(publickey\)/;
    await container.expect(`${container.ssh('node', 'none', 'id -un')} 2>&1; true`, refused);
    await container.expect(`${container.ssh('node', 'password', 'id -un')} 2>&1; true`, refused);
    await container.expect(`${container.ssh('root', 'key', 'id -un')} 2>&1; true`, refused);
    return 'refused: a stranger’s key, a password, root';
  });
}
