import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ConfigSchema } from '@lucid/common/runtime/config';
import { describe, expect, test } from 'vitest';
import {
  dataFolders,
  listSecretCopies,
  type SecretHolder,
  secretEnvironment,
  serviceSecrets,
} from '../../src/setup/host-layout.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** What the standalone and the all-in-one image are made of; they have no folder of their own under services. */
const composed: Readonly<Record<string, readonly string[]>> = {
  'standalone-blockchain-api': ['blockchain-api', 'ledger', 'vm'],
  platform: ['api', 'blockchain-api', 'gateway', 'governance', 'ledger', 'openapi-server', 'sessions', 'vm'],
};

async function requiredFiles(service: string): Promise<string[]> {
  const path = `${root}services/${service}/src/config.ts`;
  const { configSchema } = (await import(pathToFileURL(path).href)) as { configSchema: ConfigSchema };
  return Object.values(configSchema)
    .filter((variable) => variable.name.endsWith('_FILE') && !variable.optional && !('default' in variable))
    .map(({ name }) => name);
}

const services = globSync('services/*/src/config.ts', { cwd: root }).map((path) => path.split('/')[1] ?? '');

describe.each([...services, ...Object.keys(composed)])('%s', (name) => {
  test('is given the files its schema requires, and no other', async () => {
    const required = new Set((await Promise.all((composed[name] ?? [name]).map(requiredFiles))).flat());
    expect(Object.keys(serviceSecrets)).toContain(name);
    expect(Object.keys(secretEnvironment(name as SecretHolder)).toSorted()).toEqual([...required].toSorted());
  });

  test('has a data folder', () => {
    expect(dataFolders).toContain(name);
  });
});

test('paths are those of the mount', () => {
  expect(secretEnvironment('vm')).toEqual({
    SERVICE_KEY_FILE: '/run/secrets/service.key',
    VM_GENESIS_FILE: '/run/secrets/genesis.json',
  });
});

test('the member’s wallet is given to nobody', () => {
  expect(listSecretCopies().filter(({ file }) => file === 'member.key')).toEqual([]);
});

async function readComposeFiles(): Promise<string> {
  const files = globSync('compose/*.yaml', { cwd: root });
  return (await Promise.all(files.map((path) => readFile(root + path, 'utf8')))).join('\n');
}

test('every folder of state and of secrets that Compose mounts is one that setup makes', async () => {
  const text = await readComposeFiles();
  const mounted = [...text.matchAll(/LUCID_ROOT[^"\s]*\}\/(data|secrets)\/([a-z-]+)/g)];
  const holders = new Set(listSecretCopies().map(({ holder }) => holder));
  const unmade = mounted.filter(([, kind, name = '']) =>
    kind === 'data' ? !dataFolders.includes(name) : !holders.has(name),
  );
  expect(unmade.map(([all]) => all)).toEqual([]);
});

test('every file Compose names to a service is one that setup copies for it', async () => {
  const named = [...(await readComposeFiles()).matchAll(/^ +([A-Z_]+_FILE): (\/run\/secrets\/\S+)$/gm)];
  const known: Record<string, string> = Object.assign(
    { MONGO_INITDB_ROOT_PASSWORD_FILE: '/run/secrets/mongo-root.password' },
    ...Object.keys(serviceSecrets).map((name) => secretEnvironment(name as SecretHolder)),
  );
  expect(named.length).toBeGreaterThan(5);
  for (const [, variable = '', path] of named) expect([variable, path]).toEqual([variable, known[variable]]);
});
