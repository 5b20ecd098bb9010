import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { defineConfig, describeConfig, formatConfigTable, loadConfig } from '../../src/runtime/config.ts';
import { serviceVariables } from '../../src/runtime/service-config.ts';

const root = await mkdtemp(join(tmpdir(), 'lucid-config-'));
afterAll(() => rm(root, { recursive: true }));
const keyFile = join(root, 'key');
await writeFile(keyFile, 'hunter2hunter2\n');

const schema = defineConfig({
  ...serviceVariables('THING', 8099),
  dataDir: { name: 'THING_DATA_DIR', type: 'path', doc: 'Where it keeps its records' },
  ledgerUrl: { name: 'THING_LEDGER_URL', type: 'url', default: 'http://127.0.0.1:8086', doc: 'The ledger' },
  idleMs: { name: 'THING_IDLE_MS', type: 'durationMs', default: 500, min: 100, max: 1000, doc: 'Patience' },
  cacheBytes: { name: 'THING_CACHE_BYTES', type: 'bytes', default: 1024, doc: 'Memory for the cache' },
  isOpen: { name: 'THING_IS_OPEN', type: 'boolean', default: false, doc: 'Whether strangers may come in' },
  mode: { name: 'THING_MODE', type: 'enum', values: ['fast', 'safe'], default: 'safe', doc: 'How it works' },
  redisUrl: { name: 'REDIS_URL', type: 'url', optional: true, doc: 'Redis; without it, embedded' },
  key: { name: 'THING_KEY_FILE', type: 'secretFile', doc: 'Its key' },
});
const required = { THING_DATA_DIR: 'data', THING_KEY_FILE: keyFile };

describe('loadConfig', () => {
  test('gives defaults, typed values and the content of secret files', () => {
    const config = loadConfig(schema, { ...required, THING_IDLE_MS: '100', THING_MODE: 'fast', THING_IS_OPEN: 'true' });
    expect(config).toMatchObject({ host: '127.0.0.1', port: 8099, dataDir: 'data', idleMs: 100, isOpen: true });
    expect(config.mode satisfies 'fast' | 'safe').toBe('fast');
    expect(config.redisUrl satisfies string | undefined).toBeUndefined();
    expect(config.key.reveal()).toBe('hunter2hunter2');
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('a secret cannot be printed by accident', () => {
    const { key } = loadConfig(schema, required);
    const printed = `${inspect({ key }, { depth: 5, showHidden: true })} ${JSON.stringify({ key })} ${String(key)}`;
    expect(printed).not.toContain('hunter2');
    expect(printed).toContain('[secret]');
  });

  test('names every problem at once, with what to do', () => {
    const load = () =>
      loadConfig(schema, {
        THING_PORT: '70000',
        THING_IDLE_MS: '1 s',
        THING_MODE: 'slow',
        THING_IS_OPEN: 'yes',
        THING_LEDGER_URL: 'ledger:8086',
        THING_KEY_FILE: join(root, 'missing'),
      });
    expect(load).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    try {
      load();
    } catch (error) {
      const { problems } = (error as AppError).data as { problems: { name: string; detail: string }[] };
      expect(Object.fromEntries(problems.map((problem) => [problem.name, problem.detail]))).toEqual({
        THING_PORT: 'must be a whole number from 0 to 65535',
        THING_DATA_DIR: 'is required. Where it keeps its records',
        THING_LEDGER_URL: 'must be an absolute URL such as http://127.0.0.1:8086',
        THING_IDLE_MS: 'must be a whole number from 100 to 1000',
        THING_IS_OPEN: 'must be "true" or "false"',
        THING_MODE: 'must be one of fast, safe',
        THING_KEY_FILE: 'names a file that cannot be read (ENOENT); create it, readable by this user only',
      });
      expect((error as AppError).message).toContain('7 problem(s)');
    }
  });

  test.each(['', '-1', '0x10', '1e3', '99999999999999999999', '1.5'])('the number %j is refused', (text) => {
    expect(() => loadConfig(schema, { ...required, THING_CACHE_BYTES: text === '' ? ' ' : text })).toThrow(AppError);
  });

  test('an empty value counts as absent, an empty secret file is a problem', async () => {
    expect(loadConfig(schema, { ...required, THING_MODE: '' }).mode).toBe('safe');
    await writeFile(join(root, 'empty'), '\n');
    expect(() => loadConfig(schema, { ...required, THING_KEY_FILE: join(root, 'empty') })).toThrow('empty file');
  });
});

describe('defineConfig', () => {
  test.each([
    [{ a: { name: 'A_TIMEOUT', type: 'durationMs', default: 1, doc: 'x' } }, /_MS\$/],
    [{ a: { name: 'A_SIZE', type: 'bytes', default: 1, doc: 'x' } }, /_BYTES\$/],
    [{ a: { name: 'A_KEY', type: 'secretFile', doc: 'x' } }, /_FILE\$/],
    [{ a: { name: 'lower', type: 'string', default: '', doc: 'x' } }, /upper case/],
    [{ a: { name: 'A', type: 'string', default: '', doc: '' } }, /no doc line/],
    [{ a: { name: 'A', type: 'string', doc: 'x' }, b: { name: 'A', type: 'string', doc: 'x' } }, /twice/],
  ] as const)('refuses a schema without units, docs or unique names: %j', (bad, message) => {
    expect(() => defineConfig(bad)).toThrow(message);
  });
});

test('the schema describes itself for the README', () => {
  const rows = describeConfig(schema);
  expect(rows.find((row) => row.name === 'THING_IDLE_MS')).toEqual({
    name: 'THING_IDLE_MS',
    type: 'durationMs 100-1000',
    default: '`500`',
    doc: 'Patience',
  });
  expect(rows.find((row) => row.name === 'REDIS_URL')?.default).toBe('none');
  expect(rows.find((row) => row.name === 'THING_KEY_FILE')?.default).toBe('required');
  expect(formatConfigTable(schema)).toContain('| `THING_MODE` | fast · safe | `safe` | How it works |');
});
