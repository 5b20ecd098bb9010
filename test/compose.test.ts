import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from './tidy/source-files.ts';

const folder = join(root, 'compose');
const files = globSync('*.yaml', { cwd: folder }).toSorted();
const read = (file: string) => readFileSync(join(folder, file), 'utf8');
const example = read('.env.example');

/** `${NAME:-default}` in a file, comments left out; a default may hold another variable. */
function variablesOf(text: string): { name: string; value: string }[] {
  const code = text.replaceAll(/^\s*#.*$/gm, '');
  const plain = [...code.matchAll(/\$\{(\w+):-([^{}]*)\}/g)];
  const nested = [...code.matchAll(/\$\{(\w+):-([^{}]*)\$\{\w+:-([^{}]*)\}\}/g)];
  return [
    ...plain.map(([, name = '', value = '']) => ({ name, value })),
    ...nested.map(([, name = '', before = '', inner = '']) => ({ name, value: before + inner })),
  ];
}

const used = files.flatMap((file) => variablesOf(read(file)));
const listed = [...example.matchAll(/^#(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => ({ name, value }));

/** Limits for which the example gives those of a larger board. */
const bySize = ['LUCID_MEMORY_SMALL', 'LUCID_MEMORY_MEDIUM', 'LUCID_MEMORY_LARGE'];

describe('compose/.env.example', () => {
  test('lists every variable the files use, and no other', () => {
    const names = new Set(used.map(({ name }) => name));
    const known = listed.map(({ name }) => name).filter((name) => name !== 'COMPOSE_FILE');
    expect(new Set(known)).toEqual(names);
  });

  test('gives the defaults of the files', () => {
    const wrong = listed.filter(({ name, value }) => {
      // One process on a small board takes one core.
      const defaults = used.filter((one) => one.name === name && one.value !== '1').map((one) => one.value);
      return !bySize.includes(name) && name !== 'COMPOSE_FILE' && defaults.some((one) => one !== value);
    });
    expect(wrong).toEqual([]);
  });
});

const MiB = 1024 ** 2;
const bytesOf = (text: string) => Number.parseInt(text, 10) * (text.endsWith('g') ? 1024 * MiB : MiB);

/** Memory limits of the services that run for good, with the values of `.env`. */
function limitsOf(names: readonly string[], values: ReadonlyMap<string, string>): number {
  const fill = (text: string) =>
    text.replaceAll(/\$\{(\w+):-([^{}]*)\}/g, (_, name: string, value: string) => values.get(name) ?? value);
  const limits = names.flatMap((name) => {
    const { services } = parse(fill(fill(read(name))), { merge: true }) as { services: Services };
    return Object.values(services).filter(({ restart }) => restart === 'unless-stopped');
  });
  return limits.reduce((sum, { mem_limit: limit = '' }) => sum + bytesOf(limit), 0);
}

type Services = Readonly<Record<string, { readonly restart?: string; readonly mem_limit?: string }>>;

describe('memory limits', () => {
  // What a Raspberry Pi leaves to programs of its 4 and 8 GB, less 300 MiB for the system and Docker.
  const board4 = 3700 * MiB - 300 * MiB;
  const board8 = 7800 * MiB - 300 * MiB;

  test('of the nine, Tor and Redis fit a board with 4 GB', () => {
    expect(limitsOf(['compose.yaml', 'tor.yaml', 'redis.yaml'], new Map())).toBeLessThan(board4);
  });

  test('of everything fit a board with 8 GB, with the values of .env.example', () => {
    const values = new Map(listed.filter(({ name }) => bySize.includes(name)).map(({ name, value }) => [name, value]));
    expect(limitsOf(['compose.yaml', 'tor.yaml', 'redis.yaml', 'mongo.yaml'], values)).toBeLessThan(board8);
  });
});
