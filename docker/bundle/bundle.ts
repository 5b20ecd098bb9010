import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { version } from '@lucid/common/runtime/version';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { copyCompanions } from './companions.ts';
import type { Image } from './images.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** What CommonJS packages expect to find, in a bundle that is one ES module. */
const commonJs = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = import.meta.filename;',
  'const __dirname = import.meta.dirname;',
].join('\n');

const common: BuildOptions & { metafile: true } = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  conditions: ['source'],
  legalComments: 'eof',
  metafile: true,
  logLevel: 'warning',
};

/** One bundle on disk. */
export interface Bundle {
  readonly image: Image;
  /** `<folder>/<tag>`: `app`, `native/<architecture>` and `state` go into the image, `meta.json` does not. */
  readonly folder: string;
  /** Bytes of JavaScript. */
  readonly size: number;
}

/**
 * Bundles one image's programs into `folder/<tag>`. The output holds no path of this machine, no time and no source
 * map: the same sources give the same bytes.
 */
export async function bundleImage(image: Image, folder: string): Promise<Bundle> {
  const target = join(folder, image.tag);
  const app = join(target, 'app');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, 'state'), { recursive: true });
  const { metafile } = await build({
    ...common,
    entryPoints: { main: image.entry, ...image.threads },
    outdir: app,
    // Threads share the modules they have in common with the main program.
    splitting: true,
    chunkNames: '[name]-[hash]',
    banner: { js: commonJs },
  });
  if (image.kind === 'service') {
    await build({ ...common, entryPoints: { healthcheck: 'docker/healthcheck/main.ts' }, outdir: app });
  }
  copyCompanions(
    Object.keys(metafile.inputs).map((path) => join(root, path)),
    { app, native: join(target, 'native') },
  );
  writeFileSync(join(app, 'package.json'), manifestOf(image));
  writeFileSync(join(target, 'meta.json'), JSON.stringify(metafile));
  return { image, folder: target, size: sizeOf(metafile) };
}

/** The manifest beside the bundle: it makes `.js` ES modules and says where `#assets/…` are. */
function manifestOf({ tag, title }: Image): string {
  const manifest = {
    name: `lucid-${tag}`,
    version,
    description: title,
    license: 'Apache-2.0',
    private: true,
    type: 'module',
    imports: { '#assets/*': './assets/*' },
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function sizeOf({ outputs }: Metafile): number {
  return Object.values(outputs).reduce((sum, { bytes }) => sum + bytes, 0);
}
