import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Where the engine, packages and bases that were fetched or made are kept, so that the next run needs no network. */
export const cacheDir = resolve(root, process.env['LUCID_IMAGES_CACHE'] ?? '.cache/images');

/** Where what is built and found is written. */
export const outputDir = join(root, 'dist/images');

/**
 * The name of the network namespace in which the engine that DOCKER_HOST names runs, where it is not this machine's
 * own; the engine started here has one of its own and needs no variable.
 */
export const engineNamespace = process.env['LUCID_DOCKER_NETNS'];

/** The architectures every image is made for. */
export const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];
