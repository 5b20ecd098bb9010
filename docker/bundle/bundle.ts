import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { version } from '@lucid/common/runtime/version';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';
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

/**
 * @fastify/swagger loads a YAML writer for documents asked for as YAML. No service asks it so (openapi-server writes its
 * YAML itself), and the writer is 0.16 MB: it stays out where only swagger would call it.
 */
const withoutUnusedYaml: Plugin = {
  name: 'without-unused-yaml',
  setup(builder) {
    builder.onResolve({ filter: /^yaml$/ }, ({ importer }) =>
      importer.includes('/@fastify/swagger/') ? { path: 'yaml', namespace: 'left-out' } : undefined,
    );
    const contents = "exports.stringify = () => { throw new Error('this bundle writes no YAML'); };";
    builder.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents, loader: 'js' }));
  },
};

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  conditions: ['source'],
  legalComments: 'eof',
  // A third less to pull and to parse. Names stay, and lines stay short: an uncaught error's stack can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  logLevel: 'warning',
  plugins: [withoutUnusedYaml],
};

/** One bundle on disk. */
export interface Bundle {
  readonly image: Image;
  /** `<folder>/<tag>`: `app`, `native/<architecture>` and `state` go into the image, `meta.json` (esbuild's) does not. */
  readonly folder: string;
  /** Bytes of JavaScript. */
  readonly size: number;
}

/**
 * Bundles one image's programs into `folder/<tag>`, in one step: whoever copies meanwhile finds the old bundle or the
 * new one. The output holds no path of this machine, no time and no source map: the same sources give the same bytes.
 * @throws esbuild's error, which says where a source cannot be bundled; the bundle before is kept
 */
export async function bundleImage(image: Image, folder: string): Promise<Bundle> {
  mkdirSync(folder, { recursive: true });
  const made = mkdtempSync(`${folder}/.`);
  try {
    const metafile = await bundleInto(made, image);
    const target = join(folder, image.tag);
    rmSync(target, { recursive: true, force: true });
    renameSync(made, target);
    return { image, folder: target, size: sizeOf(metafile) };
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    throw error;
  }
}

async function bundleInto(folder: string, image: Image): Promise<Metafile> {
  const app = join(folder, 'app');
  const metafile = await emit(app, {
    entryPoints: { main: image.entry, ...image.threads },
    // Threads share the modules they have in common with the main program.
    splitting: true,
    chunkNames: '[name]-[hash]',
    banner: { js: commonJs },
  });
  if (image.kind === 'service') await emit(app, { entryPoints: { healthcheck: 'docker/healthcheck/main.ts' } });
  const modules = Object.keys(metafile.inputs).map((path) => join(root, path));
  copyCompanions(modules, { app, native: join(folder, 'native') });
  // A folder keeps its mode where it is copied: the state is nobody's business but the user's.
  mkdirSync(join(folder, 'state'));
  mkdirSync(join(folder, 'state', image.state), { mode: 0o700 });
  writeFileSync(join(app, 'package.json'), manifestOf(image));
  writeFileSync(join(folder, 'meta.json'), JSON.stringify(metafile));
  return metafile;
}

/** Writes what esbuild makes into `folder`. Its account of it says `app/…`, wherever the folder is. */
async function emit(folder: string, options: BuildOptions): Promise<Metafile> {
  const parts = { outdir: join(root, 'app'), metafile: true, write: false } as const;
  const { metafile, outputFiles } = await build({ ...common, ...options, ...parts });
  mkdirSync(folder, { recursive: true });
  for (const { path, contents } of outputFiles) writeFileSync(join(folder, basename(path)), contents);
  return metafile;
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
