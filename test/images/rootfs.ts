import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from '../support/run-command.ts';
import { type Architecture, architectures, cacheDir, outputDir, root } from './config.ts';
import { DebianArchive } from './debian.ts';

/** The images of Debian's own programs, each with a folder under docker: what their state is called under /var/lib. */
const stateFolders = { 'tor-proxy': 'tor', redis: 'redis' } as const;
export type DebianImage = keyof typeof stateFolders;
export const debianImages = ['tor-proxy', 'redis'] as const satisfies readonly DebianImage[];

const script = join(root, 'docker/debian/rootfs.sh');

/**
 * Makes `dist/images/IMAGE`, the folder that replaces the stage `rootfs` of docker/IMAGE/Dockerfile where builds have
 * no network (`--build-context rootfs=dist/images/IMAGE`). What was made of the same packages before is kept.
 * Needs apt, binutils and a C compiler for each architecture (gcc, gcc-aarch64-linux-gnu, gcc-x86-64-linux-gnu).
 * @returns the architectures made anew
 */
export async function makeRootfs(
  image: DebianImage,
  cache = cacheDir,
  output = outputDir,
): Promise<readonly Architecture[]> {
  const archive = new DebianArchive(join(cache, 'debian'));
  const target = join(output, image);
  const state = join(target, 'state');
  mkdirSync(state, { recursive: true });
  if (!existsSync(join(state, stateFolders[image]))) mkdirSync(join(state, stateFolders[image]), { mode: 0o700 });
  const made: Architecture[] = [];
  for (const architecture of architectures) {
    const names = packagesOf(image).map((name) => `${name}:${architecture}`);
    const debs = await archive.download(names);
    const inputs = `${hashInputs(
      image,
      [...debs.keys()].map(({ sha256 }) => sha256),
    )}\n`;
    const stamp = join(target, `${architecture}.inputs`);
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) continue;
    rmSync(stamp, { force: true });
    await unpack(image, architecture, [...debs.values()], join(target, architecture));
    writeFileSync(stamp, inputs);
    made.push(architecture);
  }
  return made;
}

/** The first word of each line that names a package; the others are comments and files. */
function packagesOf(image: DebianImage): readonly string[] {
  const lines = readFileSync(join(root, 'docker', image, 'packages'), 'utf8').split('\n');
  return lines.flatMap((line) => /^[a-z][^ ]*/.exec(line) ?? []);
}

async function unpack(image: DebianImage, architecture: Architecture, debs: readonly string[], target: string) {
  const folder = mkdtempSync(join(tmpdir(), 'debs-'));
  try {
    for (const deb of debs) symlinkSync(deb, join(folder, basename(deb)));
    await run([script, architecture, join(root, 'docker', image), folder, target]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the result depends on: the packages, and how and what is taken from them. */
function hashInputs(image: DebianImage, packages: readonly string[]): string {
  const sources = ['packages', 'base-libraries', 'health.c'].map((name) => join(root, 'docker', image, name));
  const hash = createHash('sha256').update([...packages].toSorted().join('\n'));
  for (const source of [script, ...sources]) hash.update(readFileSync(source));
  return hash.digest('hex');
}
