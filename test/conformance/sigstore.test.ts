import { createPublicKey } from 'node:crypto';
import { createRequire } from 'node:module';
import { toHex } from '@lucid/common/formats/bytes';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { inclusionProof } from '@lucid/ledger/domain/proofs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestLedger, type TestLedger } from '../support/ledger.ts';

/** The verifier npm itself uses for provenance; its parts are not exported, so the version is pinned exactly. */
type TlogEntry = {
  canonicalizedBody: Buffer;
  inclusionProof: { logIndex: string; hashes: Buffer[]; checkpoint: { envelope: string } };
};
type TlogAuthority = {
  logID: Buffer;
  publicKey: ReturnType<typeof createPublicKey>;
  baseURL: string;
  validFor: { start: Date; end: Date };
};
const require = createRequire(import.meta.url);
const { verifyCheckpoint } = require('@sigstore/verify/dist/tlog/checkpoint.js') as {
  verifyCheckpoint: (entry: TlogEntry, logs: TlogAuthority[]) => object;
};
const { verifyMerkleInclusion } = require('@sigstore/verify/dist/tlog/merkle.js') as {
  verifyMerkleInclusion: (entry: TlogEntry, checkpoint: object) => void;
};
const { version } = require('@sigstore/verify/package.json') as { version: string };

const entryCount = 700;
const indexes = [0, 1, 254, 255, 256, 511, 512, 600, entryCount - 1];
const entryAt = (index: number): Buffer => Buffer.from(`entry number ${index}`);

function flipBit(bytes: Buffer | undefined, bit: number): void {
  if (bytes) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}

function signatureOf(note: string): string {
  return Buffer.from(note.slice(note.lastIndexOf(' ') + 1), 'base64').toString('hex');
}

function doesThrow(work: () => void): boolean {
  try {
    work();
    return false;
  } catch {
    return true;
  }
}

describe(`@sigstore/verify ${version}`, () => {
  let ledger: TestLedger;
  let authority: TlogAuthority;
  beforeAll(async () => {
    // The name of a log is its base address without the scheme; here the origin stands for it.
    ledger = await openTestLedger();
    const entries = Array.from({ length: entryCount }, (_, index) => entryAt(index));
    await ledger.host.log.append({ entries });
    await ledger.host.log.publishedFor(entryCount);
    const { keyId, publicKey } = parseVerifierKey(ledger.key.verifierKey);
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
    authority = {
      logID: Buffer.from(keyId, 'hex'),
      publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }),
      baseURL: `https://${ledger.key.origin}`,
      validFor: { start: new Date(0), end: new Date(8e15) },
    };
  });
  afterAll(() => ledger[Symbol.asyncDispose]());

  function entryOf(leafIndex: number): TlogEntry {
    const { tree, published } = ledger.host.log;
    return {
      canonicalizedBody: entryAt(leafIndex),
      inclusionProof: {
        logIndex: String(leafIndex),
        hashes: inclusionProof(tree, leafIndex, published.treeSize).map((hash) => Buffer.from(hash)),
        checkpoint: { envelope: published.note },
      },
    };
  }
  const verify = (entry: TlogEntry): void => verifyMerkleInclusion(entry, verifyCheckpoint(entry, [authority]));

  test.each(indexes)('accepts the checkpoint and the inclusion proof of entry %i', (leafIndex) => {
    verify(entryOf(leafIndex));
  });

  test.each(indexes)('refuses every change to the proof of entry %i', (leafIndex) => {
    const { hashes } = entryOf(leafIndex).inclusionProof;
    const bits = (bytes: Uint8Array) => Array.from({ length: bytes.length * 8 }, (_, bit) => bit);
    const mutations: ((entry: TlogEntry) => void)[] = [
      (entry) => (entry.canonicalizedBody = Buffer.from('tampered')),
      ...[leafIndex ^ 1, leafIndex + 1, leafIndex - 1, entryCount].map(
        (other) => (entry: TlogEntry) => void (entry.inclusionProof.logIndex = String(other)),
      ),
      (entry) => void entry.inclusionProof.hashes.push(Buffer.alloc(32)),
      ...bits(entryAt(leafIndex)).map((bit) => (entry: TlogEntry) => flipBit(entry.canonicalizedBody, bit)),
      ...hashes.flatMap((hash, at) => [
        (entry: TlogEntry) => void entry.inclusionProof.hashes.splice(at, 1),
        (entry: TlogEntry) => void entry.inclusionProof.hashes.splice(at, 0, Buffer.alloc(32)),
        ...bits(hash).map((bit) => (entry: TlogEntry) => flipBit(entry.inclusionProof.hashes[at], bit)),
      ]),
    ];
    for (const mutate of mutations) {
      const entry = entryOf(leafIndex);
      mutate(entry);
      expect(() => verify(entry)).toThrow();
    }
  });

  test('refuses a checkpoint with any bit of it changed', () => {
    const entry = entryOf(0);
    const note = Buffer.from(entry.inclusionProof.checkpoint.envelope);
    // What counts is the text, and the key ID and signature in bytes. Base64 leaves bits of its last character unused,
    // and this verifier goes by the key's ID and takes the name before it for what it is: not signed.
    const said = (text: string) => [text.split('\n\n', 1)[0], signatureOf(text)].join();
    const accepted = Array.from({ length: note.length * 8 }, (_, bit) => {
      const changed = Buffer.from(note);
      flipBit(changed, bit);
      return changed.toString();
    }).filter((envelope) => {
      const changed = { ...entry, inclusionProof: { ...entry.inclusionProof, checkpoint: { envelope } } };
      return said(envelope) !== said(note.toString()) && !doesThrow(() => verify(changed));
    });
    expect(accepted).toEqual([]);
  });

  test('refuses a checkpoint with any change to its text or signature', () => {
    const entry = entryOf(0);
    const note = entry.inclusionProof.checkpoint.envelope;
    const { rootHash } = ledger.host.log.published;
    const otherRoot = Buffer.from(rootHash).fill(0, 0, 1).toString('base64');
    const forged = [
      note.replace(`\n${entryCount}\n`, `\n${entryCount + 1}\n`),
      note.replace(Buffer.from(rootHash).toString('base64'), otherRoot),
      note.replace(ledger.key.origin, 'other.test/lucid/lucid'),
      note.replace(
        / ([A-Za-z0-9+/=]+)\n$/,
        (line) => `${line.slice(0, -8)}${line.at(-8) === 'A' ? 'B' : 'A'}${line.slice(-7)}`,
      ),
    ];
    for (const envelope of forged) {
      expect(envelope, toHex(rootHash)).not.toBe(note);
      const changed = { ...entry, inclusionProof: { ...entry.inclusionProof, checkpoint: { envelope } } };
      expect(() => verify(changed)).toThrow();
    }
  });
});
