import { loadConfig } from '@lucid/common/runtime/config';
import { expect, test } from 'vitest';
import { configSchema, findKeyFiles, innerEnvironment } from '../../src/standalone/config.ts';

const files = {
  SERVICE_KEY_FILE: '/run/secrets/service.key',
  LEDGER_KEY_FILE: '/run/secrets/ledger.key',
  VM_GENESIS_FILE: '/run/secrets/genesis.json',
  BLOCKCHAIN_API_ANCHORER_KEY_FILE: '/run/secrets/anchorer.key',
};
const find = (env: Record<string, string>) => findKeyFiles(loadConfig(configSchema, env));

test('no key file means that keys are made; all of them, with a signer of tokens, that none is', () => {
  expect(find({})).toBeUndefined();
  expect(find({ API_JWKS_URL: 'http://127.0.0.1:8083/.well-known/jwks.json' })).toBeUndefined();
  expect(find({ ...files, API_SIGNING_KEY_FILE: '/run/secrets/api-signing.key' })).toMatchObject({
    ledgerKey: files.LEDGER_KEY_FILE,
    signingKey: '/run/secrets/api-signing.key',
  });
  expect(find({ ...files, API_JWKS_URL: 'http://127.0.0.1:8083/jwks' })?.signingKey).toBeUndefined();
});

test.each([...Object.keys(files), 'API_SIGNING_KEY_FILE'])('without %s the others are refused', (name) => {
  const env = { ...files, API_SIGNING_KEY_FILE: '/run/secrets/api-signing.key', [name]: '' };
  expect(() => find(env)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test('whatever the operator says, the ledger and the vm listen on loopback and stay in the data folder', () => {
  const env = { VM_HOST: '0.0.0.0', LEDGER_HOST: '::', VM_DATA_DIR: '/elsewhere', VM_CALL_GAS_MAX: '200000' };
  const keys = { serviceKey: 's', ledgerKey: 'l', genesis: 'g', anchorerKey: 'a', signingKey: undefined };
  expect(innerEnvironment(env, '/data', keys)).toMatchObject({
    VM_HOST: '127.0.0.1',
    LEDGER_HOST: '127.0.0.1',
    VM_PORT: '0',
    VM_DATA_DIR: '/data/vm',
    VM_CALL_GAS_MAX: '200000',
  });
});
