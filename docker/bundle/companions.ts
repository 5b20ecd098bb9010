/** Files that are not JavaScript and that a bundle reads at run time: they stand beside it in the image. */
import { cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Docker's name of each architecture, and what classic-level's own addon for it is called. */
const addons = {
  amd64: 'prebuilds/linux-x64/classic-level.node',
  arm64: 'prebuilds/linux-arm64/classic-level.armv8.node',
} as const;

/** A module that reads files, and how they come into the image. */
interface Companion {
  /** The module, as the end of its path in esbuild's metafile. */
  readonly module: string;
  /** Copies into `app` (every architecture) or into `native/<architecture>`. */
  copy(folders: ImageFolders, from: string): void;
}

export interface ImageFolders {
  readonly app: string;
  readonly native: string;
}

const companions: readonly Companion[] = [
  {
    module: 'node_modules/classic-level/binding.js',
    copy({ native }, from) {
      for (const [architecture, addon] of Object.entries(addons)) {
        cpSync(join(dirname(from), addon), join(native, architecture, addon));
      }
    },
  },
  {
    module: 'node_modules/tiny-secp256k1/lib/wasm_path.js',
    copy({ app }, from) {
      cpSync(join(dirname(from), 'secp256k1.wasm'), join(app, 'secp256k1.wasm'));
    },
  },
  {
    module: 'services/openapi-gateway/src/store/asset-files.ts',
    copy({ app }, from) {
      cpSync(join(dirname(from), '../assets'), join(app, 'assets'), { recursive: true });
      const { resolve } = createRequire(from);
      for (const file of ['package.json', 'swagger-ui-bundle.js', 'swagger-ui.css', 'LICENSE', 'NOTICE']) {
        cpSync(resolve(`swagger-ui-dist/${file}`), join(app, 'node_modules/swagger-ui-dist', file));
      }
    },
  },
];

/** Copies what the modules of a bundle read. `modules` are absolute paths. */
export function copyCompanions(modules: readonly string[], folders: ImageFolders): void {
  for (const architecture of Object.keys(addons)) mkdirSync(join(folders.native, architecture), { recursive: true });
  for (const { module, copy } of companions) {
    const from = modules.find((path) => path.endsWith(`/${module}`));
    if (from !== undefined) copy(folders, from);
  }
}
