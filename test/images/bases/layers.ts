import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import { run, runForBytes } from '../../support/run-command.ts';
import { type Architecture, cacheDir } from '../config.ts';
import type { DebianPackage } from '../debian.ts';
import { sha256 } from '../oci.ts';
import { fileEntry, folderEntry, readTar, type TarEntry, writeTar } from '../tar.ts';
import { certificatesPath } from './contents.ts';

/** A layer of a base, kept in the cache folder. */
export interface Layer {
  readonly name: string;
  readonly path: string;
  readonly digest: string;
  readonly size: number;
  /** The digest of the archive before compression. */
  readonly diffId: string;
}

const layersDir = join(cacheDir, 'bases/layers');
const compress = promisify(gzip);

/** The layer called `name`, from the cache or of the entries that `make` returns, sorted by path. */
export async function layerOf(name: string, make: () => Promise<readonly TarEntry[]>): Promise<Layer> {
  const path = join(layersDir, `${name}.tar.gz`);
  const record = `${path}.json`;
  if (!existsSync(record)) {
    mkdirSync(layersDir, { recursive: true });
    const unique = new Map((await make()).map((entry) => [entry.path, entry]));
    const archive = writeTar([...unique.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)));
    const compressed = await compress(archive, { level: 9 });
    writeFileSync(path, compressed);
    const layer = { name, digest: sha256(compressed), size: compressed.length, diffId: sha256(archive) };
    writeFileSync(`${record}.new`, JSON.stringify(layer));
    renameSync(`${record}.new`, record);
  }
  return { ...(JSON.parse(readFileSync(record, 'utf8')) as Omit<Layer, 'path'>), path };
}

/** A package's files under a merged /usr, and its record where scanners look for one. */
export function packageLayer(debian: DebianPackage, deb: string): Promise<Layer> {
  return layerOf(nameOf(debian), async () => {
    const files = [...readTar(await runForBytes(['dpkg-deb', '--fsys-tarfile', deb]))];
    return [...mergeUsr(files), ...(await statusRecord(debian.name, deb))];
  });
}

/** Mozilla's roots as one file, as every base has them. */
export function certificatesLayer(debian: DebianPackage, deb: string): Promise<Layer> {
  return layerOf(`bundle-of-${nameOf(debian)}`, async () => {
    const files = [...readTar(await runForBytes(['dpkg-deb', '--fsys-tarfile', deb]))];
    const roots = files.filter(({ path }) => path.endsWith('.crt')).toSorted((a, b) => (a.path < b.path ? -1 : 1));
    const copyright = files.filter(({ path }) => path === `/usr/share/doc/${debian.name}/copyright`);
    return [
      ...['/etc', '/etc/ssl', '/etc/ssl/certs'].map((path) => folderEntry(path)),
      fileEntry(certificatesPath, Buffer.concat(roots.map(({ data }) => data)), 0o555),
      ...['/usr', '/usr/share', '/usr/share/doc', `/usr/share/doc/${debian.name}`].map((path) => folderEntry(path)),
      ...copyright,
      ...(await statusRecord(debian.name, deb)),
    ];
  });
}

/** Node's program and licence, from the package that npm carries for the architecture. */
export function nodeLayer(version: string, architecture: Architecture): Promise<Layer> {
  return layerOf(`nodejs-${version}-${architecture}`, async () => {
    const name = `node-linux-${architecture === 'amd64' ? 'x64' : 'arm64'}`;
    const tarball = join(cacheDir, 'bases', `${name}-${version}.tgz`);
    const command = ['npm', 'pack', '--silent', `${name}@${version}`] as const; // npm checks the registry's digest
    if (!existsSync(tarball)) await run([...command], { cwd: join(cacheDir, 'bases') });
    const files = [...readTar(gunzipSync(readFileSync(tarball)))];
    const find = (path: string) => {
      const data = files.find((entry) => entry.path === path)?.data;
      if (data === undefined) throw new Error(`${tarball} has no ${path}`);
      return data;
    };
    return [
      folderEntry('/nodejs'),
      folderEntry('/nodejs/bin'),
      fileEntry('/nodejs/bin/node', find('/package/bin/node'), 0o755),
      fileEntry('/nodejs/LICENSE', find('/package/LICENSE')),
    ];
  });
}

function nameOf({ file }: DebianPackage): string {
  return file.replace(/\.deb$/, '').replaceAll(/[^\w.+~-]/g, '-');
}

/** Moves what a package has in /bin, /sbin and /lib* below /usr, as Debian 13 and distroless have it. */
function mergeUsr(entries: readonly TarEntry[]): TarEntry[] {
  const move = (path: string) => {
    if (/^\/sbin(\/|$)/.test(path)) return path.replace('/sbin', '/usr/bin');
    return /^\/(bin|lib|lib32|lib64|libx32)(\/|$)/.test(path) ? `/usr${path}` : path;
  };
  return entries.map((entry) => {
    if (entry.type === 'symlink' && entry.path.split('/').length === 2) return entry; // /bin -> usr/bin itself
    return { ...entry, path: move(entry.path), link: entry.type === 'hardlink' ? move(entry.link) : entry.link };
  });
}

async function statusRecord(name: string, deb: string): Promise<TarEntry[]> {
  const folder = '/var/lib/dpkg/status.d';
  const control = await run(['dpkg-deb', '-f', deb]);
  const controlFiles = [...readTar(await runForBytes(['dpkg-deb', '--ctrl-tarfile', deb]))];
  const sums = controlFiles.find(({ path }) => path === '/md5sums');
  return [
    ...['/var', '/var/lib', '/var/lib/dpkg', folder].map((path) => folderEntry(path)),
    fileEntry(`${folder}/${name}`, control),
    ...(sums === undefined ? [] : [fileEntry(`${folder}/${name}.md5sums`, sums.data)]),
  ];
}
