import { rmSync } from 'node:fs';
import { type BuiltImage, debianPackages } from './audit/image.ts';
import { auditImage, type Rule } from './audit/rules.ts';
import { type BakeOptions, bake, type Digests, makeContents, platformImages } from './build.ts';
import type { Engine } from './engine.ts';
import { compareWithArchive, type Freshness } from './freshness.ts';
import { OciLayout, standInLabel } from './oci.ts';
import { programsOf } from './report.ts';
import { formatMegabytes, overBudget, type SizeReport } from './sizes.ts';

/** Whether the fourteen images were built; `except` names those this run leaves out. */
export function checkTags(tags: readonly string[], except: readonly string[]): string {
  const missing = platformImages.filter((tag) => !tags.includes(tag) && !except.includes(tag));
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
  const others = tags.filter((tag) => !(platformImages as readonly string[]).includes(tag));
  return `and ${others.join(', ')}${except.length === 0 ? '' : `; left out: ${except.join(', ')}`}`;
}

export function checkImage(image: BuiltImage, rules: readonly Rule[]): string {
  const wrong = auditImage(image, rules);
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  const counts = [
    `${debianPackages(image.files).length} packages`,
    `${programsOf(image).length} programs`,
    `${image.files.size} files`,
  ];
  return `${rules.length} rules, ${counts.join(', ')}`;
}

export function checkStandIns(images: readonly BuiltImage[], isRelease: boolean): string {
  const count = images.filter(({ config }) => config.Labels?.[standInLabel] !== undefined).length;
  if (count > 0 && isRelease) throw new Error(`${count} images carry ${standInLabel}: a release refuses them`);
  return count === 0 ? 'none' : `${count} of ${images.length} images carry ${standInLabel}: not to be published`;
}

export function checkSizes(sizes: SizeReport): string {
  const over = overBudget(sizes);
  if (over.length > 0) throw new Error(`over budget: ${over.join(', ')}`);
  const { diskBytes, pulledBytes } = sizes.together.arm64;
  return `ARM64, thirteen of the fourteen together: ${formatMegabytes(diskBytes)} on disk, ${formatMegabytes(pulledBytes)} pulled`;
}

/** Makes and builds everything a second time, elsewhere and without cache, and compares the digests. */
export async function checkReproducible(engine: Engine, digests: Digests, again: BakeOptions, first: OciLayout) {
  rmSync(again.contents, { recursive: true, force: true });
  rmSync(again.output, { recursive: true, force: true });
  await makeContents(again.contents);
  OciLayout.create(again.output).linkBlobsOf(first);
  const built = await bake(engine, again);
  const other = [...digests].filter(([tag, digest]) => built.get(tag) !== digest).map(([tag]) => tag);
  if (other.length > 0) throw new Error(`other digests when built again: ${other.join(', ')}`);
  return `${built.size} digests, contents made and images built twice, without cache`;
}

export async function checkFreshness(images: readonly BuiltImage[]): Promise<readonly [Freshness, string]> {
  const freshness = await compareWithArchive(images);
  const { outdated, packages } = freshness;
  if (outdated.length > 0) {
    const newer = outdated.map(({ name, newest }) => `${name} ${newest}`).join(', ');
    throw new Error(`newer in the archive: ${newer}; --refresh takes them`);
  }
  return [freshness, `${packages}, as in trixie, its updates and its security archive`];
}
