import { generateKeyPairSync } from 'node:crypto';
import { openCheckpoint, signCheckpoint } from '@lucid/common/formats/checkpoint';
import { emptyRootHash } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { openLogKey, signersOf } from '@lucid/ledger/domain/log-key';
import { expect, test } from 'vitest';

const origin = 'ledger.test/lucid/lucid';
const checkpoint = { origin, treeSize: 0, rootHash: emptyRootHash() };
const ed25519 = () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const mlDsa = () => generateKeyPairSync('ml-dsa-44').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

test('an Ed25519 key signs alone; an ML-DSA-44 key after it adds a line, and either is enough', async () => {
  const pem = ed25519();
  const alone = openLogKey(origin, pem);
  expect(alone.second).toBeUndefined();
  const both = openLogKey(origin, pem + mlDsa());
  expect(both.verifierKey).toBe(alone.verifierKey);
  const note = await signCheckpoint(checkpoint, signersOf(both));
  expect(note.startsWith(await signCheckpoint(checkpoint, signersOf(alone)))).toBe(true);
  const vkeys = [both.verifierKey, both.second?.vkey ?? ''].map(parseVerifierKey);
  for (const verifier of vkeys) {
    const { verified, unknownCount } = await openCheckpoint(note, [verifier]);
    expect([verified.map(({ verifier: { type } }) => type), unknownCount]).toEqual([[verifier.type], 1]);
  }
  expect((await openCheckpoint(note, vkeys)).verified.map(({ timestampSec }) => timestampSec)).toEqual([undefined, 0]);
});

test.each([
  ['nothing', () => ''],
  ['no PEM', () => 'key'],
  ['another kind', () => generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
  ['ML-DSA-44 first', () => mlDsa() + ed25519()],
  ['two Ed25519 keys', () => ed25519() + ed25519()],
  ['three keys', () => ed25519() + mlDsa() + mlDsa()],
])('refuses a key file with %s', (_name, makePem) => {
  expect(() => openLogKey(origin, makePem())).toThrow(expect.objectContaining({ code: 'LEDGER_KEY_INVALID' }));
});
