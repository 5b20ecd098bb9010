import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleImage, root } from './bundle.ts';
import { images } from './images.ts';

// `pnpm bundle [TAG…]`: what docker/service.Dockerfile copies, in dist/images.

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((tag) => !images.some((image) => image.tag === tag));
if (unknown.length > 0) throw new Error(`no such image: ${unknown.join(', ')}`);
const startedAt = performance.now();
const wanted = images.filter(({ tag }) => positionals.length === 0 || positionals.includes(tag));
const bundles = await Promise.all(wanted.map((image) => bundleImage(image, join(root, 'dist/images'))));
for (const { image, size } of bundles) console.log(`${image.tag.padEnd(26)} ${(size / 1e6).toFixed(2).padStart(6)} MB`);
console.log(`${bundles.length} bundles in ${((performance.now() - startedAt) / 1000).toFixed(1)} s: dist/images`);
