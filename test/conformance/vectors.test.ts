import { anchorSlots } from '@lucid/common/formats/anchor-layout';
import { createBlockEntry, parseBlockHeader } from '@lucid/common/formats/block-header';
import { parseHex, parseHex0x, parseUtf8, toBase64, toHex, utf8 } from '@lucid/common/formats/bytes';
import { encodeCanonicalJson, parseJson } from '@lucid/common/formats/canonical-json';
import { openCheckpoint, parseCheckpointText, signCheckpoint } from '@lucid/common/formats/checkpoint';
import {
  type ChunkHeader,
  chunkHeaderHash,
  chunkLeafHash,
  chunkSigningPayload,
  deriveChunkKey,
  encodeChunkHeader,
  openChunk,
  parseChunkHeader,
  sealChunk,
} from '@lucid/common/formats/chunk';
import { isEd25519Signature, openEd25519Signer } from '@lucid/common/formats/ed25519';
import { parseSessionId, sessionIdFromBytes32, sessionIdToBytes32 } from '@lucid/common/formats/ids';
import { encodeBlockEntry, parseBlockEntry, parseSealEntry } from '@lucid/common/formats/ledger-entries';
import { manifestHash, parseManifest, verifyManifestSignature } from '@lucid/common/formats/manifest';
import {
  computeRootHash,
  createMerkleTree,
  leafHash,
  proveConsistency,
  proveInclusion,
  verifyConsistency,
  verifyInclusion,
} from '@lucid/common/formats/merkle';
import { openNote, parseSignerKey, parseVerifierKey, signNote } from '@lucid/common/formats/note';
import { parsePolicy } from '@lucid/common/formats/policy';
import { encodeTlogProof, parseTlogProof, verifyTlogProof } from '@lucid/common/formats/tlog-proof';
import { verifyProofBytes } from '@lucid/common/formats/verify-proof';
import { contractInterfaces } from '@lucid/contracts/interfaces';
import { describe, expect, test } from 'vitest';
import { failureCode, readVectors } from './vectors.ts';

/** Vector files in which every case fails with one code, or each names its own. */
interface Refusals<T> {
  code?: string;
  cases: (T & { name: string; code?: string })[];
}

async function expectRefusals<T>({ code, cases }: Refusals<T>, act: (item: T) => unknown): Promise<void> {
  const expected = cases.map((item) => `${item.name}: ${item.code ?? code}`);
  const found = await Promise.all(cases.map(async (item) => `${item.name}: ${await failureCode(() => act(item))}`));
  expect(cases.length).toBeGreaterThan(6);
  expect(found).toEqual(expected);
}

test('session ids', async () => {
  const { cases } = readVectors('valid', 'session-ids') as {
    cases: { sessionId: string; bytes: string; bytes32: string }[];
  };
  for (const { sessionId, bytes, bytes32 } of cases) {
    expect(toHex(parseSessionId(sessionId))).toBe(bytes);
    expect(sessionIdToBytes32(sessionId)).toBe(bytes32);
    expect(sessionIdFromBytes32(bytes32)).toBe(sessionId);
  }
  await expectRefusals(readVectors('invalid', 'session-ids') as Refusals<{ sessionId: string }>, ({ sessionId }) =>
    parseSessionId(sessionId),
  );
});

test('Merkle trees and proofs', () => {
  interface MerkleVectors {
    leaves: string[];
    roots: string[];
    inclusion: { leafIndex: number; treeSize: number; proof: string[] }[];
    consistency: { oldSize: number; newSize: number; proof: string[] }[];
  }
  const { leaves, roots, inclusion, consistency } = readVectors('valid', 'merkle') as MerkleVectors;
  const hashes = leaves.map((leaf) => leafHash(parseHex(leaf)));
  const rootOf = (treeSize: number): Uint8Array => parseHex(roots[treeSize] ?? '', 32);
  expect(roots.map((_, treeSize) => toHex(computeRootHash(hashes.slice(0, treeSize))))).toEqual(roots);
  for (const { leafIndex, treeSize, proof } of inclusion) {
    const tree = createMerkleTree(hashes.slice(0, treeSize));
    expect(proveInclusion(leafIndex, treeSize, tree.readNode).map(toHex)).toEqual(proof);
    const leaf = tree.readNode(0, leafIndex);
    const path = proof.map((hash) => parseHex(hash));
    verifyInclusion({ leafIndex, treeSize, leafHash: leaf, proof: path, rootHash: rootOf(treeSize) });
  }
  for (const { oldSize, newSize, proof } of consistency) {
    const { readNode } = createMerkleTree(hashes.slice(0, newSize));
    expect(proveConsistency(oldSize, newSize, readNode).map(toHex)).toEqual(proof);
    const path = proof.map((hash) => parseHex(hash));
    verifyConsistency({ oldSize, newSize, oldRoot: rootOf(oldSize), newRoot: rootOf(newSize), proof: path });
  }
});

test('canonical JSON', async () => {
  const { cases } = readVectors('valid', 'canonical-json') as { cases: { input: string; canonical: string }[] };
  for (const { input, canonical } of cases) {
    expect(parseUtf8(encodeCanonicalJson(parseJson(utf8(input))))).toBe(canonical);
    expect(parseUtf8(encodeCanonicalJson(parseJson(utf8(canonical), { canonical: true })))).toBe(canonical);
  }
  await expectRefusals(readVectors('invalid', 'canonical-json') as Refusals<{ input: string }>, ({ input }) =>
    parseJson(utf8(input), { canonical: true }),
  );
});

describe('chunks', () => {
  test('keys and sealing', async () => {
    interface Sealing {
      secret: string;
      sessionId: string;
      chunkSalt: string;
      cases: { chunkIndex: number; key: string; compressed: string; stored: string }[];
    }
    const { secret, sessionId, chunkSalt, cases } = readVectors('valid', 'chunk-sealing') as Sealing;
    for (const { chunkIndex, key, compressed, stored } of cases) {
      const place = { sessionId, chunkIndex, chunkSalt: parseHex(chunkSalt) };
      expect(toHex(await deriveChunkKey(parseHex(secret), place))).toBe(key);
      expect(toHex(await sealChunk(parseHex(secret), place, parseHex(compressed)))).toBe(stored);
      expect(toHex(await openChunk(parseHex(secret), place, parseHex(stored)))).toBe(compressed);
    }
  });

  test('headers', async () => {
    type Fields = Record<'chunkSalt' | 'cipherDigest' | 'previousHash', string> &
      Pick<ChunkHeader, 'sessionId' | 'chunkIndex' | 'capturedAt' | 'plainSize' | 'cipherSize'>;
    interface Headers {
      recorderSeed: string;
      recorderKey: string;
      cases: { fields: Fields; header: string; headerHash: string; leafHash: string; signature: string }[];
    }
    const { recorderSeed, recorderKey, cases } = readVectors('valid', 'chunk-headers') as Headers;
    const signer = await openEd25519Signer(parseHex(recorderSeed));
    expect(toHex(signer.publicKey)).toBe(recorderKey);
    for (const { fields, header, headerHash, leafHash: leaf, signature } of cases) {
      const { chunkSalt, cipherDigest, previousHash } = fields;
      const binary = {
        chunkSalt: parseHex(chunkSalt),
        cipherDigest: parseHex(cipherDigest),
        previousHash: parseHex(previousHash),
      };
      const bytes = parseHex(header);
      expect(toHex(encodeChunkHeader({ ...fields, ...binary }))).toBe(header);
      expect(parseChunkHeader(bytes)).toEqual({ ...fields, ...binary });
      expect(toHex(chunkHeaderHash(bytes))).toBe(headerHash);
      expect(toHex(chunkLeafHash(bytes))).toBe(leaf);
      expect(toHex(await signer.sign(chunkSigningPayload(bytes)))).toBe(signature);
      expect(await isEd25519Signature(signer.publicKey, parseHex(signature), chunkSigningPayload(bytes))).toBe(true);
    }
    await expectRefusals(readVectors('invalid', 'chunk-headers') as Refusals<{ header: string }>, ({ header }) =>
      parseChunkHeader(parseHex(header)),
    );
  });
});

test('Ed25519 signatures, also those on which libraries differ', async () => {
  interface Signatures {
    cases: { name?: string; publicKey: string; message: string; signature: string }[];
  }
  for (const kind of ['valid', 'invalid'] as const) {
    const { cases } = readVectors(kind, 'ed25519') as Signatures;
    for (const { name, publicKey, message, signature } of cases) {
      const isTrue = await isEd25519Signature(parseHex(publicKey), parseHex(signature), parseHex(message));
      expect([name, isTrue]).toEqual([name, kind === 'valid']);
    }
  }
});

test('manifests', async () => {
  interface Manifests {
    cases: { canonical: string; manifestHash: string; recorderSignature: string }[];
  }
  for (const item of (readVectors('valid', 'manifests') as Manifests).cases) {
    const bytes = utf8(item.canonical);
    const manifest = parseManifest(bytes);
    expect(manifestHash(bytes)).toBe(item.manifestHash);
    expect(parseUtf8(encodeCanonicalJson(manifest))).toBe(item.canonical);
    await verifyManifestSignature(bytes, manifest.recorderKey, item.recorderSignature);
  }
  const { base } = readVectors('invalid', 'manifests') as { base: string };
  await expectRefusals(readVectors('invalid', 'manifests') as Refusals<{ set: object }>, ({ set }) => {
    parseManifest(encodeCanonicalJson({ ...(JSON.parse(base) as object), ...set }));
  });
});

test('ledger entries, and a block entry from nothing but its header', async () => {
  const parsers = { 'lucid/seal@1': parseSealEntry, 'lucid/block@1': parseBlockEntry };
  interface Entry {
    type: keyof typeof parsers;
    canonical: string;
    leafHash: string;
    header?: string;
  }
  const { cases } = readVectors('valid', 'ledger-entries') as { cases: Entry[] };
  for (const { type, canonical, leafHash: leaf, header } of cases) {
    expect(parseUtf8(encodeCanonicalJson(parsers[type](utf8(canonical))))).toBe(canonical);
    expect(toHex(leafHash(utf8(canonical)))).toBe(leaf);
    if (header === undefined) continue;
    expect(parseUtf8(encodeBlockEntry(createBlockEntry(1, parseBlockHeader(parseHex0x(header)))))).toBe(canonical);
  }
  await expectRefusals(
    readVectors('invalid', 'ledger-entries') as Refusals<{ type: keyof typeof parsers; text: string }>,
    ({ type, text }) => {
      parsers[type](utf8(text));
    },
  );
});

describe('signed notes', () => {
  interface Notes {
    cases: { verifierKeys: string[]; signerKey?: string; note: string; text: string }[];
  }

  test('open, and are written as others write them', async () => {
    for (const { verifierKeys, signerKey, note, text } of (readVectors('valid', 'notes') as Notes).cases) {
      expect((await openNote(note, verifierKeys.map(parseVerifierKey))).text).toBe(text);
      if (signerKey !== undefined) expect(await signNote(text, [await parseSignerKey(signerKey)])).toBe(note);
    }
    await expectRefusals(
      readVectors('invalid', 'notes') as Refusals<{ verifierKey: string; note: string }>,
      ({ verifierKey, note }) => {
        return openNote(utf8(note), [parseVerifierKey(verifierKey)]);
      },
    );
  });

  test('every cut and every changed character of a key is refused', async () => {
    await expectRefusals(readVectors('invalid', 'verifier-keys') as Refusals<{ vkey: string }>, ({ vkey }) =>
      parseVerifierKey(vkey),
    );
    const [first, second] = (readVectors('valid', 'notes') as Notes).cases;
    for (const key of [first?.verifierKeys[0] ?? '', second?.signerKey ?? '']) {
      const parse = key.startsWith('PRIVATE') ? parseSignerKey : parseVerifierKey;
      expect(await failureCode(() => parse(key))).toBeUndefined();
      const wrong = Array.from(key, (character, at) => {
        const next = String.fromCharCode(character.charCodeAt(0) + 1);
        return [key.slice(0, at), key.slice(at + 1), key.slice(0, at) + next + key.slice(at + 1)];
      });
      for (const spelling of wrong.flat()) {
        if (spelling === key) continue;
        expect(await failureCode(() => parse(spelling)), spelling).toBe('NOTE_KEY_MALFORMED');
      }
    }
  });
});

test('checkpoints', async () => {
  interface Checkpoints {
    verifierKey: string;
    signerKey: string;
    cases: { origin: string; treeSize: number; rootHash: string; note: string }[];
  }
  const { verifierKey, signerKey, cases } = readVectors('valid', 'checkpoints') as Checkpoints;
  for (const { origin, treeSize, rootHash, note } of cases) {
    const opened = await openCheckpoint(note, [parseVerifierKey(verifierKey)]);
    expect([opened.origin, opened.treeSize, toBase64(opened.rootHash)]).toEqual([origin, treeSize, rootHash]);
    expect(await signCheckpoint(opened, [await parseSignerKey(signerKey)])).toBe(note);
  }
  await expectRefusals(readVectors('invalid', 'checkpoints') as Refusals<{ text: string }>, ({ text }) =>
    parseCheckpointText(text),
  );
});

test('receipts', async () => {
  interface Receipts {
    verifierKey: string;
    cases: { entry: string; leafIndex: number; proof: string }[];
  }
  const { verifierKey, cases } = readVectors('valid', 'tlog-proofs') as Receipts;
  const verifiers = [parseVerifierKey(verifierKey)];
  for (const { entry, leafIndex, proof } of cases) {
    const receipt = parseTlogProof(proof);
    expect(receipt.leafIndex).toBe(leafIndex);
    expect(encodeTlogProof(receipt)).toBe(proof);
    expect((await verifyTlogProof(receipt, leafHash(utf8(entry)), verifiers)).treeSize).toBe(15);
  }
  const { entry } = readVectors('invalid', 'tlog-proofs') as { entry: string };
  await expectRefusals(readVectors('invalid', 'tlog-proofs') as Refusals<{ proof: string }>, ({ proof }) => {
    return verifyTlogProof(parseTlogProof(proof), leafHash(utf8(entry)), verifiers);
  });
});

test('selectors, topics and storage slots of the contracts', () => {
  interface Selectors {
    functions: { contract: 'LucidAnchors' | 'LucidParams'; signature: string; selector: string }[];
    events: { contract: 'LucidAnchors' | 'LucidParams'; signature: string; topic: string }[];
  }
  const { functions, events } = readVectors('valid', 'contract-selectors') as Selectors;
  for (const { contract, signature, selector } of functions) {
    expect(contractInterfaces[contract].getFunction(signature)?.selector).toBe(selector);
  }
  for (const { contract, signature, topic } of events) {
    expect(contractInterfaces[contract].getEvent(signature)?.topicHash).toBe(topic);
  }
  const { cases } = readVectors('valid', 'anchor-slots') as { cases: { sessionId: string; slots: string[] }[] };
  for (const { sessionId, slots } of cases) expect(anchorSlots(sessionId)).toEqual(slots);
});

describe('proof bundles', () => {
  interface Bundles<T> {
    policy: string;
    anchorContract: string;
    chainId: number;
    cases: ({ name: string; bundle: string } & T)[];
  }

  test('true ones verify', async () => {
    const { policy, anchorContract, chainId, cases } = readVectors('valid', 'proof-bundles') as Bundles<{
      requireAnchor: boolean;
    }>;
    const trust = { policy: parsePolicy(policy), anchorContract, chainId };
    for (const { bundle, requireAnchor } of cases) {
      expect(await verifyProofBytes(utf8(bundle), { trust, requireAnchor })).toMatchObject({ ok: true });
    }
  });

  test('false ones are refused, each with its code', async () => {
    const { policy, anchorContract, chainId, cases } = readVectors('invalid', 'proof-bundles') as Bundles<{
      code: string;
    }>;
    const trust = { policy: parsePolicy(policy), anchorContract, chainId };
    for (const { name, bundle, code } of cases) {
      const { ok, steps } = await verifyProofBytes(utf8(bundle), { trust });
      expect([name, ok, steps.at(-1)?.code]).toEqual([name, false, code]);
    }
  });
});
