import { createHash } from 'node:crypto';
import { createReadStream, existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from '../../support/run-command.ts';
import { nodeVersion } from '../bases/stand-ins.ts';
import { type Architecture, architectures, cacheDir, outputDir, root } from '../config.ts';
import { machineOrigin } from '../debian.ts';
import { mediaTypes, OciLayout, platformOf, standInLabel } from '../oci.ts';

const sources = join(root, '.devcontainer');
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const epoch = '1970-01-01T00:00:00Z';
const layerType = 'application/vnd.oci.image.layer.v1.tar';

/** Of what Debian installs at least, what the package list does not bring along: only extracting needs it said. */
const essential = ['apt', 'base-files', 'base-passwd', 'bash', 'coreutils', 'dash', 'dpkg', 'grep', 'passwd', 'sed'];

/**
 * Makes `dist/images/infrastructure-dev`, the OCI layout that replaces the stage `tools` of .devcontainer/Dockerfile
 * where builds have no network: Debian 13 with the packages listed there, Node, npm and pnpm, finished by the same
 * prepare.sh. It stands in for `node:24-trixie-slim` and is labelled so. What was made of the same inputs is kept.
 *
 * This machine's architecture is installed; for the other one packages are extracted and not configured, since that
 * would run for minutes under emulation. Such an image builds and can be looked into; nobody is to work in it.
 * Needs root, mmdebstrap, npm and, for the other architecture, its emulation.
 * @returns the architectures made anew
 */
export async function makeDevelopmentTools(output = outputDir, cache = cacheDir): Promise<readonly Architecture[]> {
  const folder = join(cache, 'devcontainer');
  mkdirSync(folder, { recursive: true });
  const native = (await run(['dpkg', '--print-architecture'])).trim();
  const made: Architecture[] = [];
  const layout = new OciLayout(join(output, 'infrastructure-dev'));
  rmSync(layout.folder, { recursive: true, force: true });
  OciLayout.create(layout.folder);
  const manifests = [];
  for (const architecture of architectures) {
    const archive = join(folder, `${architecture}-${inputsOf(architecture, native)}.tar`);
    if (!existsSync(archive)) {
      await makeRoot(archive, architecture, architecture === native);
      made.push(architecture);
    }
    manifests.push(await writeImage(layout, archive, architecture));
  }
  const index = layout.putJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }, mediaTypes.index);
  layout.writeIndex([{ ...index, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }]);
  return made;
}

/** What a root file system depends on, but for the day's version of each package. */
function inputsOf(architecture: Architecture, native: string): string {
  const files = [join(sources, 'packages'), join(sources, 'prepare.sh'), import.meta.filename];
  const hash = createHash('sha256').update(`${architecture} ${native} ${nodeVersion()}`);
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}

async function makeRoot(archive: string, architecture: Architecture, isNative: boolean): Promise<void> {
  const local = `${archive}.local`;
  await makeLocal(local, architecture);
  const packages = readFileSync(join(sources, 'packages'), 'utf8').trim().split('\n');
  const named = isNative ? packages : [...packages, ...essential];
  const origin = machineOrigin();
  const partial = `${archive}.new`;
  await run(
    [
      'mmdebstrap',
      '--quiet',
      '--format=tar',
      `--variant=${isNative ? 'minbase' : 'extract'}`,
      `--architectures=${architecture}`,
      `--include=${named.join(',')}`,
      `--keyring=${keyring}`,
      ...(isNative ? [] : ['--skip=check/qemu']),
      ...['man', 'doc', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
      '--dpkgopt=path-include=/usr/share/doc/*/copyright',
      ...(isNative ? [] : [`--customize-hook=${accounts}`]),
      `--customize-hook=tar -C "${local}" -cf - --owner=0 --group=0 . | tar -C "$1/usr/local" -xf -`,
      `--customize-hook=cp "${join(sources, 'prepare.sh')}" "$1/prepare.sh"`,
      '--customize-hook=chroot "$1" bash /prepare.sh && rm "$1/prepare.sh"',
      'trixie',
      partial,
      `deb ${origin}/debian trixie main`,
      `deb ${origin}/debian trixie-updates main`,
      `deb ${origin}/debian-security trixie-security main`,
    ],
    { environment: { ...process.env, SOURCE_DATE_EPOCH: '0' } },
  );
  rmSync(local, { recursive: true });
  renameSync(partial, archive);
}

/** The accounts every Debian has, which installing base-passwd would make. */
const accounts = 'for f in passwd group; do cp "$1/usr/share/base-passwd/$f.master" "$1/etc/$f"; done';

/** /usr/local as the official image of Node has it: node, npm and npx, and pnpm besides; from the npm registry. */
async function makeLocal(folder: string, architecture: Architecture): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const cpu = architecture === 'amd64' ? 'x64' : 'arm64';
  const platform = ['--cpu', cpu, '--os', 'linux', '--libc', 'glibc', '--ignore-scripts'];
  const quiet = ['--silent', '--no-audit', '--no-fund'];
  await run(['npm', 'install', ...quiet, '--global', ...platform, '--prefix', folder, 'npm@11', 'pnpm@12']);
  // npm refuses to install the binary of another architecture, but fetches it and checks its digest.
  const pack = ['npm', 'pack', '--silent', `node-linux-${cpu}@${nodeVersion()}`] as const;
  const tarball = join(folder, (await run(pack, { cwd: folder })).trim());
  await run(['tar', '-xzf', tarball, '-C', folder, '--strip-components=1', 'package/bin/node']);
  rmSync(tarball);
}

async function writeImage(layout: OciLayout, archive: string, architecture: Architecture) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(archive), hash);
  const digest = `sha256:${hash.digest('hex')}`;
  linkSync(archive, layout.blobPath(digest));
  const config = {
    ...platformOf(architecture),
    created: epoch,
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', `NODE_VERSION=${nodeVersion()}`],
      Cmd: ['node'],
      Labels: { [standInLabel]: 'true' },
    },
    rootfs: { type: 'layers', diff_ids: [digest] },
    history: [{ created: epoch, created_by: 'mmdebstrap trixie, Node from npm' }],
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: layout.putJson(config, mediaTypes.config),
    layers: [{ mediaType: layerType, digest, size: statSync(archive).size }],
  };
  return { ...layout.putJson(manifest, mediaTypes.manifest), platform: platformOf(architecture) };
}
