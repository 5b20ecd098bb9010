import { generateKeyPairSync, sign } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  encodeAddCheckpoint,
  parseAddCheckpoint,
  parseCosignatures,
  parseSize,
} from '../../src/formats/add-checkpoint.ts';
import { toHex, utf8 } from '../../src/formats/bytes.ts';
import { signCheckpoint } from '../../src/formats/checkpoint.ts';
import { createEd25519Seed, openEd25519Signer } from '../../src/formats/ed25519.ts';
import { leafHash } from '../../src/formats/merkle.ts';
import { isMlDsa44Signature as isSignatureInBrowser } from '../../src/formats/ml-dsa-browser.ts';
import { isMlDsa44Signature as isSignatureInNode } from '../../src/formats/ml-dsa-node.ts';
import {
  createCosigner,
  createKeyCosigner,
  createNoteSigner,
  encodeVerifierKey,
  type NoteSigner,
} from '../../src/formats/note.ts';
import { openTrustedCheckpoint, parsePolicy } from '../../src/formats/policy.ts';
import { codeOf } from './code-of.ts';

const origin = 'lucid.example/lucid/main';
const checkpoint = { origin, treeSize: 7, rootHash: leafHash(utf8('root')) };

type Key = { readonly vkey: string; readonly signer: NoteSigner };

async function createLog(): Promise<Key> {
  const seed = createEd25519Seed();
  const { publicKey } = await openEd25519Signer(seed);
  return { vkey: encodeVerifierKey(origin, publicKey), signer: await createNoteSigner(origin, seed) };
}

async function createWitness(name: string): Promise<Key> {
  const seed = createEd25519Seed();
  const { publicKey } = await openEd25519Signer(seed);
  return { vkey: encodeVerifierKey(name, publicKey, 0x04), signer: await createCosigner(name, seed, () => 5) };
}

function createMlDsaKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ml-dsa-44');
  const raw = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }).subarray(-1312));
  return { publicKey: raw, sign: async (message: Uint8Array) => new Uint8Array(sign(null, message, privateKey)) };
}

test('a witness outside the policy counts for nothing and against nothing, whatever its line says', async () => {
  const [log, asked, stranger] = [await createLog(), await createWitness('asked'), await createWitness('stranger')];
  const policy = parsePolicy(`log ${log.vkey}\nwitness W ${asked.vkey}\nquorum W\n`);
  const note = await signCheckpoint(checkpoint, [log.signer, stranger.signer, asked.signer]);
  expect(await openTrustedCheckpoint(note, policy)).toMatchObject({ ...checkpoint, unknownCount: 1 });
  const forged = note.replace(/(stranger \S{12})\S{8}/u, '$1AAAAAAAA');
  expect(await openTrustedCheckpoint(forged, policy)).toMatchObject({ ...checkpoint, unknownCount: 1 });
  const without = await signCheckpoint(checkpoint, [log.signer, stranger.signer]);
  await expect(openTrustedCheckpoint(without, policy)).rejects.toMatchObject({ code: 'POLICY_QUORUM_MISSING' });
  const wrong = note.replace(/(asked \S{20})\S{8}/u, '$1AAAAAAAA');
  await expect(openTrustedCheckpoint(wrong, policy)).rejects.toMatchObject({ code: 'NOTE_SIGNATURE_INVALID' });
});

test('a witness that calls itself as the log is called does not speak for it', async () => {
  const [log, witness] = [await createLog(), await createWitness(origin)];
  const mlDsa = createMlDsaKey();
  const signer = createKeyCosigner({ name: origin, type: 0x06, ...mlDsa }, () => 5);
  const second = encodeVerifierKey(origin, mlDsa.publicKey, 0x06);
  const note = await signCheckpoint(checkpoint, [witness.signer, signer]);
  const policy = parsePolicy(`log ${log.vkey}\nwitness W ${witness.vkey}\nwitness M ${second}\nquorum W\n`);
  await expect(openTrustedCheckpoint(note, policy)).rejects.toMatchObject({ code: 'CHECKPOINT_UNTRUSTED' });
  expect(await openTrustedCheckpoint(note, parsePolicy(`log ${second}\nquorum none\n`))).toMatchObject(checkpoint);
});

test('Node and the browser agree on ML-DSA-44 signatures, and take none that is changed', async () => {
  const key = createMlDsaKey();
  const message = utf8('a message');
  const signature = await key.sign(message);
  const check = async (publicKey: Uint8Array, bytes: Uint8Array, text: Uint8Array): Promise<boolean> => {
    const [inNode, inBrowser] = [
      await isSignatureInNode(publicKey, bytes, text),
      await isSignatureInBrowser(publicKey, bytes, text),
    ];
    expect(inBrowser).toBe(inNode);
    return inNode;
  };
  expect(await check(key.publicKey, signature, message)).toBe(true);
  expect(await check(key.publicKey, signature, utf8('another'))).toBe(false);
  expect(await check(key.publicKey, signature.subarray(1), message)).toBe(false);
  expect(await check(key.publicKey.subarray(1), signature, message)).toBe(false);
  expect(await check(new Uint8Array(1312), signature, message)).toBe(false);
  const places = fc.record({ at: fc.nat({ max: signature.length - 1 }), bit: fc.nat({ max: 7 }) });
  await fc.assert(
    fc.asyncProperty(places, async ({ at, bit }) => {
      const changed = Uint8Array.from(signature);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      expect(await check(key.publicKey, changed, message)).toBe(false);
    }),
    { numRuns: 30 },
  );
});

test('requests to witnesses are written as they are read, and hostile ones are refused with a code', () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const request = fc.record({
    oldSize: fc.maxSafeNat(),
    proof: fc.array(hash, { maxLength: 63 }),
    checkpoint: fc.string({ minLength: 1 }).map((text) => `${text}\n`),
  });
  fc.assert(
    fc.property(request, (value) => {
      const parsed = parseAddCheckpoint(utf8(encodeAddCheckpoint(value)));
      expect({ ...parsed, proof: parsed.proof.map(toHex) }).toEqual({ ...value, proof: value.proof.map(toHex) });
    }),
    { numRuns: 30 },
  );
  const refusals = [undefined, 'ADD_CHECKPOINT_MALFORMED', 'WITNESS_ANSWER_MALFORMED'];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'binary' }), (bytes, text) => {
      expect(refusals).toContain(codeOf(() => parseAddCheckpoint(bytes)));
      expect(refusals).toContain(codeOf(() => parseAddCheckpoint(utf8(`old 5\n${text}`))));
      expect(refusals).toContain(codeOf(() => parseCosignatures(`${text}\n`)));
      expect(refusals).toContain(codeOf(() => parseSize(text)));
    }),
  );
});

test('a group is met by its threshold of members, however they are nested', async () => {
  const witnesses = await Promise.all(Array.from({ length: 6 }, (_, index) => createWitness(`w${index}`)));
  const lines = witnesses.map(({ vkey }, index) => `witness W${index} ${vkey}`).join('\n');
  const thresholds = fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 2 }),
  );
  fc.assert(
    fc.property(thresholds, fc.subarray([0, 1, 2, 3, 4, 5]), ([left, right, both], cosigned) => {
      const groups = `group L ${left} W0 W1 W2\ngroup R ${right} W3 W4 W5\ngroup B ${both} L R\nquorum B\n`;
      const policy = parsePolicy(`${lines}\n${groups}`);
      const met = [
        cosigned.filter((index) => index < 3).length >= left,
        cosigned.filter((index) => index > 2).length >= right,
      ];
      const cosigners = new Set(policy.witnesses.filter((_, index) => cosigned.includes(index)));
      expect(policy.isQuorum(cosigners)).toBe(met.filter(Boolean).length >= both);
    }),
  );
});
