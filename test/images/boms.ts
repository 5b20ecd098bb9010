import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuiltImage } from './audit/image.ts';
import { root } from './config.ts';
import { billOfMaterials, bomFaults } from './sbom.ts';

/** A bill of materials on disk. */
export interface WrittenBom {
  readonly tag: string;
  readonly architecture: string;
  /** The digest of the image it is of. */
  readonly digest: string;
  readonly path: string;
  readonly components: number;
}

/**
 * Writes `dist/sbom/TAG.ARCHITECTURE.cdx.json` for every image. Throws when one is not well-formed or does not come
 * out the same twice.
 * @param contents where the bundles and their metafiles are
 */
export function writeBoms(images: readonly BuiltImage[], version: string, contents: string): WrittenBom[] {
  const folder = join(root, 'dist/sbom');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return images.map((image) => {
    const metafile = join(contents, image.tag, 'meta.json');
    const make = () => billOfMaterials(image, version, existsSync(metafile) ? metafile : undefined);
    const bom = make();
    const faults = bomFaults(bom);
    if (faults.length > 0) throw new Error(`${image.tag}: ${faults.join(', ')}`);
    const json = `${JSON.stringify(bom, null, 2)}\n`;
    if (`${JSON.stringify(make(), null, 2)}\n` !== json) throw new Error(`${image.tag}: not the same twice`);
    const path = join(folder, `${image.tag}.${image.architecture}.cdx.json`);
    writeFileSync(path, json);
    const { tag, architecture, digest } = image;
    return { tag, architecture, digest, path, components: bom.components.length };
  });
}
