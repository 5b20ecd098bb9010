import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/run-command.ts';
import type { Steps } from '../../support/steps.ts';
import { repository } from '../build.ts';
import { architectures, cacheDir, outputDir, root } from '../config.ts';
import type { Engine } from '../engine.ts';
import { OciLayout } from '../oci.ts';
import { DevContainer } from './dev-container.ts';
import { makeDevelopmentTools } from './tools.ts';

const tag = 'infrastructure-dev';

/**
 * Builds `infrastructure-dev` for both architectures and starts it as an editor would, with the features of this
 * repository: who is inside, what listens, who gets in by ssh, and that it needs no network to start. The feature from
 * a registry (docker-in-docker) is left out, as there is none to ask here.
 */
export async function devcontainerSteps(steps: Steps, engine: Engine): Promise<void> {
  await steps.need(`${tag}: what it is made of`, async () => {
    const made = await makeDevelopmentTools();
    return [made, made.length === 0 ? 'as it was' : `made for ${made.join(' and ')}`];
  });
  await steps.need(`${tag}: build for both architectures`, async () => [undefined, await build(engine)]);
  const folder = mkdtempSync(join(cacheDir, 'devcontainer-'));
  const container = new DevContainer(engine, folder, `${repository}:${tag}`);
  try {
    await steps.check('devcontainer: the configuration is read', () => container.readConfiguration());
    await steps.need('devcontainer: starts without a network', async () => [undefined, await container.up()]);
    await checkInside(steps, container);
  } finally {
    await container.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds both platforms from the Dockerfile and loads them; the final stage runs nothing, so nothing is emulated. */
async function build({ environment }: Engine): Promise<string> {
  const layout = join(cacheDir, 'devcontainer/layout');
  rmSync(layout, { recursive: true, force: true });
  const sets = [
    `${tag}.output=type=oci,tar=false,dest=${layout}`,
    `${tag}.platform=${architectures.map((name) => `linux/${name}`).join(',')}`,
    `${tag}.contexts.tools=oci-layout://${join(outputDir, tag)}`,
  ];
  const flags = sets.flatMap((set) => ['--set', set]);
  const REPO = repository;
  await run(['docker', 'buildx', 'bake', '--progress', 'plain', ...flags, tag], {
    environment: { ...environment, REPO, SOURCE_DATE_EPOCH: '0' },
    cwd: root,
  });
  const built = new OciLayout(layout);
  const named = built.index.manifests.map((manifest) => ({
    ...manifest,
    annotations: { ...manifest.annotations, 'io.containerd.image.name': `${REPO}:${tag}` },
  }));
  built.writeIndex(named);
  const pack = 'tar -C "$0" -cf - oci-layout index.json blobs | docker load -q';
  await run(['sh', '-c', pack, layout], { environment });
  return named
    .flatMap((manifest) => built.readIndex(manifest).manifests)
    .map((manifest) => {
      const size = built.readManifest(manifest).layers.reduce((sum, layer) => sum + layer.size, 0);
      return `${manifest.platform?.architecture} ${Math.round(size / 1e6)} MB to pull`;
    })
    .join(', ');
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
    return await container.expect('tor --version | head -1 && command -v tor-gencert', /^Tor version 0\.4\..*\n\/usr/);
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
