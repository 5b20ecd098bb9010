import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { etagOf } from '@lucid/common/http/conditional';
import type { Asset, Assets } from '../domain/content.ts';

/**
 * The service's own files are `#assets/…`, a package import: `src/assets` here, the folder beside the bundle in an image.
 * Swagger UI's come from its package.
 */
const require = createRequire(import.meta.url);

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const sources: Readonly<Record<string, () => string>> = {
  'docs.js': () => require.resolve('#assets/docs.js'),
  'site.css': () => require.resolve('#assets/site.css'),
  'icon.svg': () => require.resolve('#assets/icon.svg'),
  'swagger-ui.js': () => require.resolve('swagger-ui-dist/swagger-ui-bundle.js'),
  'swagger-ui.css': () => require.resolve('swagger-ui-dist/swagger-ui.css'),
};

/** Reads every file once, at the start: about 1.7 MB. */
export function readAssets(): Assets {
  const byName = new Map(
    Object.entries(sources).map(([name, locate]) => [name, toAsset(name, readFileSync(locate()))]),
  );
  const byFile = new Map([...byName.values()].map((asset) => [asset.file, asset]));
  return {
    find: (file) => byFile.get(file),
    pathOf: (name) => {
      const asset = byName.get(name);
      if (!asset) throw new Error(`there is no asset ${name}`);
      return `/assets/${asset.file}`;
    },
    template: (name) => readFileSync(require.resolve(`#assets/${name}`), 'utf8'),
  };
}

function toAsset(name: string, bytes: Uint8Array): Asset {
  const extension = extname(name);
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return {
    bytes,
    file: `${name.slice(0, -extension.length)}.${hash}${extension}`,
    type: types[extension] ?? 'application/octet-stream',
    etag: etagOf(bytes),
  };
}
