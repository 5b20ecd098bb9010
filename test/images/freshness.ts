import { join } from 'node:path';
import { type BuiltImage, debianPackages, type InstalledPackage } from './audit/image.ts';
import { cacheDir } from './config.ts';
import { DebianArchive } from './debian.ts';

/** How the Debian packages in the images stand to the archive. */
export interface Freshness {
  readonly packages: number;
  /** Those for which Debian 13 or its security archive has another version today. */
  readonly outdated: readonly { readonly name: string; readonly here: string; readonly newest: string }[];
}

/**
 * Compares every Debian package of the images with what trixie, trixie-updates and trixie-security offer. It stands in
 * for a scan by CVE where no vulnerability database can be reached: a fixed package is one that is the newest.
 */
export async function compareWithArchive(images: readonly BuiltImage[]): Promise<Freshness> {
  const installed = new Map<string, InstalledPackage>();
  for (const { files } of images)
    for (const one of debianPackages(files)) installed.set(`${one.name} ${one.version} ${one.architecture}`, one);
  const names = [...installed.values()].map(askedName);
  const candidates = await new DebianArchive(join(cacheDir, 'debian')).candidates([...new Set(names)]);
  const newest = new Map(candidates.map(({ name, architecture, version }) => [`${name} ${architecture}`, version]));
  const outdated = [...installed.values()].flatMap(({ name, architecture, version }) => {
    const candidate = newest.get(`${name} ${architecture}`) ?? 'gone';
    return candidate === version ? [] : [{ name: `${name}:${architecture}`, here: version, newest: candidate }];
  });
  return { packages: installed.size, outdated };
}

function askedName({ name, architecture }: InstalledPackage): string {
  return architecture === 'all' ? name : `${name}:${architecture}`;
}
