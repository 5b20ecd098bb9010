import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ConfigSchema, formatConfigTable } from '@lucid/common/runtime/config';
import { describe, expect, test } from 'vitest';
import { foldersIn, readSources, root, type SourceFile } from './tidy/source-files.ts';

const sources = readSources('packages/*/src/**/*.ts', 'services/*/src/**/*.ts');
const everything = [...sources, ...readSources('packages/*/test/**/*.ts', 'services/*/test/**/*.ts', 'test/**/*.ts')];
const services = foldersIn('services');

/** The rooms of packages/common and what each may take from the others. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  formats: ['errors'],
  errors: [],
  apis: ['errors'],
  storage: ['formats', 'errors'],
  runtime: ['formats', 'errors'],
  http: ['formats', 'errors', 'apis', 'storage', 'runtime'],
};

/** The rooms of a service and what each may take from the others of the same service. */
const serviceRooms: Readonly<Record<string, readonly string[]>> = {
  domain: ['errors'],
  store: ['domain', 'errors'],
  clients: ['domain', 'errors'],
  routes: ['domain', 'errors'],
};

function room(path: string): string {
  return (path.split('/')[3] ?? '').replace(/\.ts$/, '');
}

function ownerOf(path: string): string {
  return path.split('/').slice(0, 2).join('/');
}

/** Lists the imports that `isWrong` refuses, as `file -> target`, so that a failure names its place. */
function offences(files: readonly SourceFile[], isWrong: (file: SourceFile, target: string) => boolean): string[] {
  return files.flatMap((file) =>
    file.imports
      .filter(({ target }) => target !== undefined && isWrong(file, target))
      .map(({ specifier }) => `${file.path} -> ${specifier}`),
  );
}

describe('who may import whom', () => {
  const ofServices = sources.filter(({ path }) => path.startsWith('services/'));
  const ofCommon = sources.filter(({ path }) => path.startsWith('packages/common/'));

  test('the parser sees the imports', () => {
    const all = sources.flatMap(({ imports }) => imports);
    expect(all.length).toBeGreaterThan(300);
    expect(all.filter(({ target }) => target !== undefined && !existsSync(join(root, target)))).toEqual([]);
  });

  test('services never import each other, but in the one file that composes the standalone', () => {
    const others = ofServices.filter(({ path }) => path !== 'services/blockchain-api/src/standalone.ts');
    const wrong = offences(others, (file, target) => {
      return target.startsWith('services/') && ownerOf(target) !== ownerOf(file.path);
    });
    expect(wrong).toEqual([]);
  });

  test('common imports nothing of ours, and its rooms keep their order', () => {
    const wrong = offences(ofCommon, (file, target) => {
      if (!target.startsWith('packages/common/')) return true;
      return room(target) !== room(file.path) && !rooms[room(file.path)]?.includes(room(target));
    });
    expect(wrong).toEqual([]);
  });

  test('only packages/platform imports services, and lucid what works on a stopped ledger’s folder', () => {
    const packages = sources.filter(({ path }) => /^packages\/(?!platform\/)/.test(path));
    const isOffline = ({ path }: SourceFile, target: string) =>
      path.startsWith('packages/cli/') && target.startsWith('services/ledger/src/offline/');
    const wrong = offences(packages, (file, target) => target.startsWith('services/') && !isOffline(file, target));
    expect(wrong).toEqual([]);
  });

  test('in a service: main → open → app → routes → domain; store and clients → domain', () => {
    const wrong = offences(ofServices, (file, target) => {
      const allowed = serviceRooms[room(file.path)];
      if (allowed === undefined || !target.startsWith('services/')) return false;
      return room(target) !== room(file.path) && !allowed.includes(room(target));
    });
    expect(wrong).toEqual([]);
  });

  test('the domain does no I/O', () => {
    const forbidden = /^(node:(fs|http|https|net|dns|child_process)(\/|$)|fastify|undici|classic-level)/;
    const wrong = ofServices
      .filter(({ path }) => room(path) === 'domain')
      .flatMap(({ path, imports }) =>
        imports.filter((i) => forbidden.test(i.specifier)).map((i) => `${path} -> ${i.specifier}`),
      );
    expect(wrong).toEqual([]);
  });

  test('src never imports test', () => {
    expect(offences(sources, (_file, target) => /(^|\/)test\//.test(target))).toEqual([]);
  });
});

describe('the environment and the process', () => {
  test('only config.ts reads variables; main.ts may hand the environment on', () => {
    const wrong = sources.filter(({ path, text }) => {
      if (path.endsWith('/config.ts')) return false;
      if (path.endsWith('/main.ts')) return /process\.env\s*[.[]/.test(text);
      return text.includes('process.env');
    });
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('nothing calls process.exit', () => {
    const wrong = sources.filter(({ text }) => /process\.exit\(/.test(text));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });
});

describe.each(services)('the shape of services/%s', (service) => {
  const at = (path: string) => join(root, 'services', service, path);

  test.each([
    'README.md',
    'DESIGN.md',
    'openapi.json',
    'src/main.ts',
    'src/config.ts',
    'src/open.ts',
    'src/app.ts',
    'src/errors.ts',
  ])('has %s', (path) => {
    expect(existsSync(at(path))).toBe(true);
  });

  test('main.ts stays small', () => {
    expect(readFileSync(at('src/main.ts'), 'utf8').split('\n').length).toBeLessThanOrEqual(50);
  });

  test.each(globSync('src/**/config.ts', { cwd: at('.') }))('the README has the table of %s', async (path) => {
    const config = (await import(pathToFileURL(at(path)).href)) as { configSchema: ConfigSchema };
    expect(readFileSync(at('README.md'), 'utf8')).toContain(formatConfigTable(config.configSchema));
  });
});

describe('names and words', () => {
  test('files are kebab-case', () => {
    const wrong = everything.filter(({ path }) => !/^[a-z0-9.-]+$/.test(path.split('/').at(-1) ?? ''));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('nothing is left for later', () => {
    const marks = /TO[D]O|FIX[M]E|XX[X]|@ts-ign[o]re|as an[y]\b/;
    expect(everything.filter(({ text }) => marks.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test('no test is skipped or alone', () => {
    const marks = /\b(?:it|test|describe)\.(?:only|skip|todo)\b/;
    expect(everything.filter(({ text }) => marks.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test('every dependency has its reason in ARCHITECTURE.md', () => {
    const architecture = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
    const manifests = globSync(['package.json', '{packages,services}/*/package.json', '{docker,test}/package.json'], {
      cwd: root,
    });
    const names = manifests.flatMap((path) => {
      const manifest = JSON.parse(readFileSync(join(root, path), 'utf8')) as Record<string, Record<string, string>>;
      const { dependencies = {}, devDependencies = {}, optionalDependencies = {} } = manifest;
      return Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
    });
    const unnamed = [...new Set(names)].filter(
      (name) => !name.startsWith('@lucid/') && !architecture.includes(`\`${name}\``),
    );
    expect(unnamed).toEqual([]);
  });
});
