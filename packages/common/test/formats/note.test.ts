import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { parseUtf8, toHex, utf8 } from '../../src/formats/bytes.ts';
import { encodeCheckpoint, openCheckpoint, parseCheckpointText, signCheckpoint } from '../../src/formats/checkpoint.ts';
import { createEd25519Seed, openEd25519Signer } from '../../src/formats/ed25519.ts';
import { createMerkleTree, leafHash, proveInclusion } from '../../src/formats/merkle.ts';
import {
  createCosigner,
  createNoteSigner,
  encodeSignerKey,
  encodeVerifierKey,
  type NoteSigner,
  type NoteVerifier,
  openNote,
  parseNote,
  parseSignerKey,
  parseVerifierKey,
  signNote,
} from '../../src/formats/note.ts';
import {
  encodeEntryBundle,
  encodeTilePath,
  parseEntryBundle,
  parseTilePath,
  tileWidth,
} from '../../src/formats/tiles.ts';
import { encodeTlogProof, parseTlogProof, verifyTlogProof } from '../../src/formats/tlog-proof.ts';
import { nth } from './nth.ts';

const ORIGIN = 'lucid.example/lucid/main';

async function createKey(name: string): Promise<{ signer: NoteSigner; verifier: NoteVerifier; seed: Uint8Array }> {
  const seed = createEd25519Seed();
  const { publicKey } = await openEd25519Signer(seed);
  return {
    seed,
    signer: await createNoteSigner(name, seed),
    verifier: parseVerifierKey(encodeVerifierKey(name, publicKey)),
  };
}

/** Counts the single-byte changes of `bytes` that `accept` does not throw on. */
async function countAccepted(bytes: Uint8Array, accept: (changed: Uint8Array) => unknown): Promise<number> {
  let accepted = 0;
  for (let index = 0; index < bytes.length; index++) {
    for (const mask of [0x01, 0x20, 0x80]) {
      const changed = Uint8Array.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ mask;
      try {
        await accept(changed);
        accepted++;
      } catch (error) {
        expect(error).toMatchObject({ name: 'AppError', status: 400 });
      }
    }
  }
  return accepted;
}

describe('signed note', () => {
  test('signs and opens, in the spelling others use', async () => {
    const { signer, verifier, seed } = await createKey('example.com/foo');
    const note = await signNote('line one\n\nline three\n', [signer]);
    const opened = await openNote(note, [verifier]);
    expect(opened.text).toBe('line one\n\nline three\n');
    expect(opened.verified.map((line) => line.verifier.name)).toEqual(['example.com/foo']);
    const reopened = await parseSignerKey(await encodeSignerKey('example.com/foo', seed));
    expect(await signNote('line one\n\nline three\n', [reopened])).toBe(note);
  });

  test('accepts 100 signatures and ignores those of strangers, but not a known key\u2019s bad one', async () => {
    const known = await createKey('known');
    const strangers = await Promise.all(Array.from({ length: 99 }, (_, index) => createKey(`stranger-${index}`)));
    const signers = [...strangers.map(({ signer }) => signer), known.signer];
    const note = await signNote('text\n', signers);
    expect((await openNote(note, [known.verifier])).unknown).toHaveLength(99);
    await expect(openNote(note, [])).rejects.toMatchObject({ code: 'NOTE_UNVERIFIED' });
    const forged = note.replace('text\n', 'test\n');
    await expect(openNote(forged, [known.verifier])).rejects.toMatchObject({ code: 'NOTE_SIGNATURE_INVALID' });
    const tooMany = await signNote('text\n', [...signers, known.signer]);
    expect(() => parseNote(tooMany)).toThrow(expect.objectContaining({ code: 'NOTE_MALFORMED' }));
  });

  test('every change of one byte is refused', async () => {
    const { signer, verifier } = await createKey('k');
    const note = utf8(await signNote('a\n', [signer]));
    expect(await countAccepted(note, (changed) => openNote(changed, [verifier]))).toBe(0);
  });

  test('a cosignature covers its time', async () => {
    const { seed, verifier, signer } = await createKey('witness.example');
    const cosigner = await createCosigner('witness.example', seed, () => 1_679_315_147);
    const witness = parseVerifierKey(encodeVerifierKey('witness.example', verifier.publicKey, 0x04));
    const note = await signNote('text\n', [signer, cosigner]);
    const opened = await openNote(note, [witness]);
    expect(opened.verified[0]?.timestampSec).toBe(1_679_315_147);
    expect(opened.unknown).toHaveLength(1);
    const openWhole = async (changed: Uint8Array): Promise<void> => {
      const { unknown } = await openNote(changed, [witness, verifier]);
      if (unknown.length > 0) throw new AppError('TEST_STRANGER', 'a line by a stranger', { status: 400 });
    };
    await openWhole(utf8(note));
    expect(await countAccepted(utf8(note), openWhole)).toBe(0);
  });
});

describe('checkpoint', () => {
  const rootHash = leafHash(utf8('root'));

  test('needs the log\u2019s own signature', async () => {
    const log = await createKey(ORIGIN);
    const other = await createKey('elsewhere');
    const checkpoint = { origin: ORIGIN, treeSize: 7, rootHash };
    const note = await signCheckpoint(checkpoint, [log.signer, other.signer]);
    expect(await openCheckpoint(note, [log.verifier])).toMatchObject({ ...checkpoint, unknownCount: 1 });
    await expect(openCheckpoint(note, [other.verifier])).rejects.toMatchObject({ code: 'CHECKPOINT_UNTRUSTED' });
  });

  test.each([
    ['no root', 'o\n1\n'],
    ['leading zero', encodeCheckpoint({ origin: 'o', treeSize: 1, rootHash }).replace('\n1\n', '\n01\n')],
    ['negative', encodeCheckpoint({ origin: 'o', treeSize: 1, rootHash }).replace('\n1\n', '\n-1\n')],
    ['past 2^53', encodeCheckpoint({ origin: 'o', treeSize: 1, rootHash }).replace('\n1\n', '\n9007199254740993\n')],
    ['no origin', encodeCheckpoint({ origin: 'o', treeSize: 1, rootHash }).slice(1)],
    ['an extension line', `${encodeCheckpoint({ origin: 'o', treeSize: 1, rootHash })}extra\n`],
    ['a short root', 'o\n1\nAAAA\n'],
  ])('refuses %s', (_, text) => {
    expect(() => parseCheckpointText(text)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_MALFORMED' }));
  });
});

describe('tlog-proof', () => {
  test('round trip, and every change of one byte is refused', async () => {
    const log = await createKey(ORIGIN);
    const hashes = Array.from({ length: 11 }, (_, index) => leafHash(utf8(`${index}`)));
    const { readNode, rootHash } = createMerkleTree(hashes);
    const checkpoint = await signCheckpoint({ origin: ORIGIN, treeSize: 11, rootHash }, [log.signer]);
    const text = encodeTlogProof({ leafIndex: 6, proof: proveInclusion(6, 11, readNode), checkpoint });
    const verify = async (bytes: Uint8Array): Promise<void> => {
      await verifyTlogProof(parseTlogProof(bytes), nth(hashes, 6), [log.verifier]);
    };
    await verify(utf8(text));
    expect(encodeTlogProof(parseTlogProof(text))).toBe(text);
    expect(await countAccepted(utf8(text), verify)).toBe(0);
    const withExtra = { ...parseTlogProof(text), extra: utf8('hello') };
    expect(parseUtf8(parseTlogProof(encodeTlogProof(withExtra)).extra!)).toBe('hello');
  });
});

describe('tiles', () => {
  test('paths as in the standard', () => {
    const path = 'tile/0/x001/x234/067';
    expect(parseTilePath(path)).toEqual({ level: 0, index: 1_234_067, width: 256 });
    expect(encodeTilePath({ level: 'entries', index: 1_234_067, width: 8 })).toBe('tile/entries/x001/x234/067.p/8');
    const wrong = [
      'tile/0/x000/067',
      'tile/0/67',
      'tile/0/067.p/256',
      'tile/0/067.p/0',
      'tile/0/067.p/08',
      'tile/7/000',
    ];
    for (const spelling of [
      ...wrong,
      'tile/00/000',
      `${path}/`,
      '/tile/0/000',
      'tile/0/001/000',
      'tile/0/x001/000.p/x',
    ]) {
      expect(() => parseTilePath(spelling)).toThrow(expect.objectContaining({ code: 'TILE_PATH_MALFORMED' }));
    }
    expect(tileWidth(0, 1, 300)).toBe(44);
    expect(tileWidth(1, 0, 70_000)).toBe(256);
    expect(tileWidth(1, 1, 70_000)).toBe(17);
    expect(tileWidth(2, 0, 70_000)).toBe(1);
    expect(tileWidth('entries', 2, 300)).toBe(0);
  });

  test('bundles', () => {
    const entries = [utf8('one'), utf8(''), new Uint8Array(65_535)];
    const bundle = encodeEntryBundle(entries);
    expect(parseEntryBundle(bundle).map(toHex)).toEqual(entries.map(toHex));
    const refused = expect.objectContaining({ code: 'ENTRY_BUNDLE_MALFORMED' });
    expect(() => parseEntryBundle(bundle.slice(0, -1))).toThrow(refused);
    expect(() => parseEntryBundle(Uint8Array.of(0))).toThrow(refused);
    expect(() => parseEntryBundle(new Uint8Array(2 * 257))).toThrow(refused);
    expect(() => encodeEntryBundle([new Uint8Array(65_536)])).toThrow(
      expect.objectContaining({ code: 'ENTRY_TOO_LARGE' }),
    );
  });
});
