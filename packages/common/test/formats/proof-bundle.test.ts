import { beforeAll, describe, expect, test } from 'vitest';
import { anchorSlots } from '../../src/formats/anchor-layout.ts';
import { utf8 } from '../../src/formats/bytes.ts';
import { encodeCanonicalJson } from '../../src/formats/canonical-json.ts';
import { encodeSealEntry } from '../../src/formats/ledger-entries.ts';
import { createCosigner, encodeVerifierKey } from '../../src/formats/note.ts';
import { encodeLogPolicy, parsePolicy } from '../../src/formats/policy.ts';
import { encodeProofBundle, type ProofBundle, parseProofBundle } from '../../src/formats/proof-bundle.ts';
import { sha256 } from '../../src/formats/sha256.ts';
import { type VerifyProofOptions, verifyProofBundle, verifyProofBytes } from '../../src/formats/verify-proof.ts';
import { createFixture, type Fixture, receiptOf } from './bundle-fixture.ts';
import { codeOf } from './code-of.ts';

let fixture: Fixture;
let other: Fixture;
beforeAll(async () => {
  [fixture, other] = await Promise.all([createFixture(), createFixture(2)]);
});

async function failureOf(bundle: ProofBundle, options: Partial<VerifyProofOptions> = {}): Promise<string | undefined> {
  const report = await verifyProofBundle(bundle, { trust: fixture.trust, ...options });
  expect(report.ok).toBe(report.steps.every(({ ok }) => ok));
  return report.steps.find(({ ok }) => !ok)?.code;
}

describe('a true bundle', () => {
  test('verifies, step by step', async () => {
    const report = await verifyProofBytes(encodeProofBundle(fixture.bundle), {
      trust: fixture.trust,
      requireAnchor: true,
    });
    expect(report.steps.map(({ step, code }) => `${step} ${code}`)).toEqual([
      'format OK',
      'recorder-signature OK',
      'participant-signatures OK',
      'seal-entry OK',
      'seal-checkpoint OK',
      'seal-inclusion OK',
      'chunks OK',
      'anchor-contract OK',
      'anchor-header OK',
      'anchor-checkpoint OK',
      'anchor-inclusion OK',
      'anchor-storage OK',
      'anchor-record OK',
    ]);
    expect(report).toMatchObject({ ok: true, anchor: { anchoredBlock: 7, anchoredAt: 1_800_000_000, chunkCount: 3 } });
  });

  test('verifies before its anchor, unless an anchor is required', async () => {
    const sealed = { ...fixture.bundle, anchor: null };
    expect(await failureOf(sealed)).toBeUndefined();
    expect(await failureOf(sealed, { requireAnchor: true })).toBe('PROOF_NOT_ANCHORED');
  });

  test('checks a stored chunk against its header', async () => {
    const fileOf = (chunkIndex: number, bytes: Uint8Array) => ({
      chunk: { chunkIndex, cipherDigest: sha256(bytes), cipherSize: bytes.length },
    });
    const [first = utf8(''), second = utf8('')] = fixture.chunkFiles;
    expect(await failureOf(fixture.bundle, fileOf(0, first))).toBeUndefined();
    expect(await failureOf(fixture.bundle, fileOf(0, second))).toBe('PROOF_CHUNK_FILE_MISMATCH');
    expect(await failureOf(fixture.bundle, fileOf(9, first))).toBe('PROOF_CHUNK_FILE_MISMATCH');
    const changed = Uint8Array.from(first, (byte, index) => (index === 3 ? byte ^ 1 : byte));
    expect(await failureOf(fixture.bundle, fileOf(0, changed))).toBe('PROOF_CHUNK_FILE_MISMATCH');
  });

  test('a session the platform sealed has no recorder\u2019s signature, and says so', async () => {
    const resealed = await fixture.reseal({ sealedBy: 'platform' });
    const bundle = { ...resealed, signatures: { ...resealed.signatures, recorder: null } };
    expect(await failureOf(bundle)).toBeUndefined();
    expect(await failureOf(resealed)).toBe('PROOF_RECORDER_SIGNATURE_INVALID');
    // Without its last chunk, nothing in the bundle would be the recorder's word.
    for (const chunks of [[], bundle.chunks.slice(0, -1)]) {
      expect(await failureOf({ ...bundle, chunks })).toBe('PROOF_RECORDER_SIGNATURE_INVALID');
    }
    expect(await failureOf({ ...bundle, chunks: bundle.chunks.slice(-1) })).toBeUndefined();
  });
});

test('every change of one byte is refused', async () => {
  const small = await createFixture(2, 1);
  const bytes = encodeProofBundle({ ...small.bundle, chunks: small.bundle.chunks.slice(0, 1) });
  expect(await verifyProofBytes(bytes, { trust: small.trust })).toMatchObject({ ok: true });
  const accepted: number[] = [];
  const codes = new Set<string>();
  for (let index = 0; index < bytes.length; index++) {
    const changed = Uint8Array.from(bytes);
    changed[index] = (changed[index] ?? 0) ^ (1 << (index % 7));
    const { ok, steps } = await verifyProofBytes(changed, { trust: small.trust });
    if (ok) accepted.push(index);
    codes.add(steps.at(-1)?.code ?? '');
  }
  expect(accepted).toEqual([]);
  expect([...codes].toSorted()).toMatchInlineSnapshot(`
    [
      "PROOF_ANCHOR_CHECKPOINT_UNTRUSTED",
      "PROOF_ANCHOR_HEADER_INVALID",
      "PROOF_ANCHOR_NOT_INCLUDED",
      "PROOF_ANCHOR_NOT_PROVEN",
      "PROOF_ANCHOR_UNTRUSTED",
      "PROOF_CHUNK_INVALID",
      "PROOF_MALFORMED",
      "PROOF_PARTICIPANT_SIGNATURE_INVALID",
      "PROOF_RECORDER_SIGNATURE_INVALID",
      "PROOF_SEAL_CHECKPOINT_UNTRUSTED",
      "PROOF_SEAL_MISMATCH",
      "PROOF_SEAL_NOT_INCLUDED",
    ]
  `);
});

describe('a false bundle is refused with its own code', () => {
  const cases: [string, string, (bundle: ProofBundle) => ProofBundle | Promise<ProofBundle>][] = [
    [
      'another session\u2019s manifest',
      'PROOF_RECORDER_SIGNATURE_INVALID',
      (b) => ({ ...b, manifest: other.bundle.manifest }),
    ],
    ['another session\u2019s seal', 'PROOF_SEAL_MISMATCH', (b) => ({ ...b, seal: other.bundle.seal })],
    [
      'no recorder\u2019s signature',
      'PROOF_RECORDER_SIGNATURE_INVALID',
      (b) => ({ ...b, signatures: { ...b.signatures, recorder: null } }),
    ],
    [
      'a participant twice',
      'PROOF_PARTICIPANT_SIGNATURE_INVALID',
      (b) => ({
        ...b,
        signatures: { ...b.signatures, participants: [...b.signatures.participants, ...b.signatures.participants] },
      }),
    ],
    [
      'a log nobody trusts',
      'PROOF_SEAL_CHECKPOINT_UNTRUSTED',
      async (b) => ({
        ...b,
        seal: { ...b.seal, receipt: await receiptOf([encodeSealEntry(b.seal.entry)], other.log) },
      }),
    ],
    [
      'a receipt of another entry',
      'PROOF_SEAL_NOT_INCLUDED',
      (b) => ({ ...b, seal: { ...b.seal, receipt: b.anchor?.receipt ?? '' } }),
    ],
    [
      'an unproven extra line',
      'PROOF_SEAL_CHECKPOINT_UNTRUSTED',
      (b) => ({ ...b, seal: { ...b.seal, receipt: b.seal.receipt.replace('\n', '\nextra aGk=\n') } }),
    ],
    ['a chunk of another session', 'PROOF_CHUNK_INVALID', (b) => ({ ...b, chunks: other.bundle.chunks })],
    ['reordered chunks', 'PROOF_CHUNK_INVALID', (b) => ({ ...b, chunks: b.chunks.toReversed() })],
    ['a chunk twice', 'PROOF_CHUNK_INVALID', (b) => ({ ...b, chunks: b.chunks.flatMap((chunk) => [chunk, chunk]) })],
    ['fewer bytes than the chunks have', 'PROOF_CHUNK_INVALID', () => fixture.reseal({ plainBytes: 1 })],
    ['a shorter session', 'PROOF_CHUNK_INVALID', () => fixture.reseal({ chunkCount: 2 })],
    [
      'the anchor of another session',
      'PROOF_ANCHOR_CHECKPOINT_UNTRUSTED',
      (b) => ({ ...b, anchor: other.bundle.anchor }),
    ],
    [
      'the anchor of another manifest',
      'PROOF_ANCHOR_MISMATCH',
      async (b) => ({ ...b, anchor: (await fixture.reseal({ device: 'another' })).anchor }),
    ],
    [
      'the anchor of another owner',
      'PROOF_ANCHOR_MISMATCH',
      async (b) => ({
        ...b,
        anchor: (await fixture.reseal({ owner: { subject: 'x', address: `0x${'01'.repeat(20)}` } })).anchor,
      }),
    ],
    [
      'another contract',
      'PROOF_ANCHOR_UNTRUSTED',
      (b) => ({ ...b, anchor: b.anchor && { ...b.anchor, contract: `0x${'11'.repeat(20)}` } }),
    ],
    ['another chain', 'PROOF_ANCHOR_UNTRUSTED', (b) => ({ ...b, anchor: b.anchor && { ...b.anchor, chainId: 1 } })],
    [
      'no header',
      'PROOF_ANCHOR_HEADER_INVALID',
      (b) => ({ ...b, anchor: b.anchor && { ...b.anchor, header: '0xc0' } }),
    ],
    [
      'a log with two trees of one size',
      'PROOF_ANCHOR_CHECKPOINT_UNTRUSTED',
      async (b) => ({
        ...b,
        anchor: b.anchor && { ...b.anchor, receipt: await receiptOf([utf8('fork'), utf8('fork')], fixture.log) },
      }),
    ],
    [
      'a header the log does not hold',
      'PROOF_ANCHOR_NOT_INCLUDED',
      (b) => ({ ...b, anchor: b.anchor && { ...b.anchor, receipt: b.seal.receipt } }),
    ],
    [
      'a storage proof too few',
      'PROOF_ANCHOR_NOT_PROVEN',
      (b) => ({ ...b, anchor: b.anchor && { ...b.anchor, storageProofs: b.anchor.storageProofs.slice(1) } }),
    ],
    [
      'storage proofs in another order',
      'PROOF_ANCHOR_NOT_PROVEN',
      (b) => ({ ...b, anchor: b.anchor && { ...b.anchor, storageProofs: b.anchor.storageProofs.toReversed() } }),
    ],
    [
      'a trie node too many',
      'PROOF_ANCHOR_NOT_PROVEN',
      (b) => ({ ...b, anchor: b.anchor && { ...b.anchor, accountProof: [...b.anchor.accountProof, '0x80'] } }),
    ],
    [
      'a trie node too few',
      'PROOF_ANCHOR_NOT_PROVEN',
      (b) => ({ ...b, anchor: b.anchor && { ...b.anchor, accountProof: b.anchor.accountProof.slice(0, -1) } }),
    ],
  ];
  test('claims of time and order that its own evidence contradicts', async () => {
    const { reseal } = fixture;
    const anchoredAt = 1_800_000_000;
    const endedAt = (afterSec: number) => ({ endedAt: new Date((anchoredAt + afterSec) * 1000).toISOString() });
    const claims: [string | undefined, Promise<ProofBundle>][] = [
      [undefined, reseal(endedAt(600))],
      ['PROOF_ANCHOR_MISMATCH', reseal(endedAt(601))],
      [undefined, reseal({}, { anchoredBlock: 9, timestamp: anchoredAt })],
      ['PROOF_ANCHOR_MISMATCH', reseal({}, { anchoredBlock: 9, timestamp: anchoredAt + 1 })],
      ['PROOF_ANCHOR_MISMATCH', reseal({}, { anchoredBlock: 10 })],
      ['PROOF_ANCHOR_MISMATCH', reseal({}, { timestamp: anchoredAt - 1 })],
      ['PROOF_ANCHOR_NOT_INCLUDED', reseal({}, { isBlockFirst: true })],
    ];
    for (const [code, bundle] of claims) expect(await failureOf(await bundle)).toBe(code);
    // No date can be written of it; such a header is none.
    await expect(reseal({}, { anchoredAt: 1e13, timestamp: 1e13 })).rejects.toMatchObject({ code: 'RLP_MALFORMED' });
  });

  test('parts larger than the chain makes them, before they are looked into', async () => {
    const { anchor } = fixture.bundle;
    if (anchor === null) throw new Error('no anchor');
    const huge = `0xfa0fffff${'01'.repeat(2 ** 20 - 1)}`;
    const forged = [
      { ...anchor, header: huge },
      { ...anchor, accountProof: [huge] },
      { ...anchor, storageProofs: [[huge], [], [], []] },
    ];
    for (const change of forged) {
      const bytes = encodeCanonicalJson({ ...fixture.bundle, anchor: change });
      const { steps } = await verifyProofBytes(bytes, { trust: fixture.trust });
      expect(steps.at(-1)).toMatchObject({ step: 'format', code: 'PROOF_MALFORMED' });
    }
  });

  test.each(cases)('%s', async (_, code, change) => {
    expect(await failureOf(await change(fixture.bundle))).toBe(code);
  });

  test('what is not a bundle is malformed', async () => {
    const spaced = utf8(JSON.stringify(fixture.bundle, null, 1));
    const stranger = utf8(
      JSON.stringify({ ...JSON.parse(new TextDecoder().decode(encodeProofBundle(fixture.bundle))), z: 1 }),
    );
    for (const bytes of [utf8(''), utf8('{}'), utf8('\u0000'), spaced, stranger, Uint8Array.of(0xff)]) {
      expect(codeOf(() => parseProofBundle(bytes))).toBe('PROOF_MALFORMED');
    }
    const wrong = { ...fixture.bundle, manifest: { ...fixture.bundle.manifest, chunkCount: 0 } };
    expect(codeOf(() => encodeProofBundle(wrong))).toBe('PROOF_MALFORMED');
  });
});

describe('trust policy', () => {
  test('witnesses, groups and quorum are obeyed', async () => {
    const seeds = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
    const { openEd25519Signer } = await import('../../src/formats/ed25519.ts');
    const witnesses = await Promise.all(
      seeds.map(async (seed, index) => {
        const vkey = encodeVerifierKey(`w${index}`, (await openEd25519Signer(seed)).publicKey, 0x04);
        return { vkey, line: `witness W${index} ${vkey}`, cosigner: await createCosigner(`w${index}`, seed, () => 5) };
      }),
    );
    expect(witnesses[0]?.cosigner.keyId).toMatch(/^[0-9a-f]{8}$/u);
    const lines = witnesses.map(({ line }) => line).join('\n');
    const policy = parsePolicy(`# trust\n${lines}\n\tgroup G 2 W0 W1 W2 \nquorum G\n`);
    const [first, second] = policy.witnesses;
    if (first === undefined || second === undefined) throw new Error('no witnesses');
    expect(policy.isQuorum(new Set([first]))).toBe(false);
    expect(policy.isQuorum(new Set([first, second]))).toBe(true);
    const vkey = fixture.trust.policy.logs[0];
    if (vkey === undefined) throw new Error('no log');
    const strict = parsePolicy(`log ${encodeVerifierKey(vkey.name, vkey.publicKey)}\n${lines}\nquorum W0\n`);
    const trust = { ...fixture.trust, policy: strict };
    expect(await failureOf(fixture.bundle, { trust })).toBe('PROOF_SEAL_CHECKPOINT_UNTRUSTED');
  });

  test.each([
    '',
    'quorum none',
    'quorum none\nquorum none\n',
    'quorum X\n',
    'log\nquorum none\n',
    'group none 1 X\nquorum none\n',
    'group G any\nquorum G\n',
    'quorum none \u0001\n',
    'logs x\nquorum none\n',
  ])('refuses %j', (text) => {
    expect(['POLICY_MALFORMED', 'NOTE_KEY_MALFORMED']).toContain(codeOf(() => parsePolicy(text)));
  });

  test('a policy of one log is written as it is read', () => {
    const { logs } = fixture.trust.policy;
    const [log] = logs;
    if (log === undefined) throw new Error('no log');
    expect(parsePolicy(encodeLogPolicy(encodeVerifierKey(log.name, log.publicKey))).logs).toEqual(logs);
  });
});

test('a session\u2019s slots are where Solidity puts a mapping at slot 0', () => {
  const slots = anchorSlots('0c8b1f8e-4a52-4d6b-9f3e-2a1b3c4d5e6f');
  expect(slots).toHaveLength(4);
  expect(BigInt(slots[3] ?? 0) - BigInt(slots[0] ?? 0)).toBe(3n);
});
