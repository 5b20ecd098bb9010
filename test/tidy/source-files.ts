import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = normalize(fileURLToPath(new URL('../..', import.meta.url)));

/** An import of one file: what it names, and where in the tree that is when it is ours. */
interface Import {
  readonly specifier: string;
  /** Path from the root, e.g. `packages/common/src/http/service.ts`; undefined for packages of others. */
  readonly target: string | undefined;
}

export interface SourceFile {
  /** Path from the root. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** Every TypeScript file of the tree matching the globs, with its imports resolved. */
export function readSources(...patterns: readonly string[]): SourceFile[] {
  return globSync(patterns as string[], { cwd: root, exclude: (name) => name === 'node_modules' || name === 'dist' })
    .filter((path) => path.endsWith('.ts') || path.endsWith('.tsx'))
    .toSorted()
    .map(readSource);
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const imports = [...text.matchAll(importPattern)].map((match) => {
    const specifier = match[1] ?? match[2] ?? '';
    return { specifier, target: resolve(path, specifier) };
  });
  return { path, text, imports };
}

const workspaces: ReadonlyMap<string, string> = new Map(
  globSync(['packages/*/package.json', 'services/*/package.json'], { cwd: root }).map((path) => [
    (JSON.parse(readFileSync(join(root, path), 'utf8')) as { name: string }).name,
    dirname(path),
  ]),
);

function resolve(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(from), specifier));
  const match = /^(@lucid\/[^/]+)(?:\/(.+))?$/.exec(specifier);
  const folder = match?.[1] === undefined ? undefined : workspaces.get(match[1]);
  return folder === undefined ? undefined : `${folder}/src/${match?.[2] ?? ''}.ts`;
}

/** The names of the folders directly under `folder`. */
export function foldersIn(folder: string): string[] {
  return globSync(`${folder}/*/package.json`, { cwd: root })
    .map((path) => path.split('/')[1] ?? '')
    .toSorted();
}
