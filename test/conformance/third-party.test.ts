import { parseBase64, toBase64, toHex, utf8 } from '@lucid/common/formats/bytes';
import { openCheckpoint, signCheckpoint } from '@lucid/common/formats/checkpoint';
import { appendLeafHash, compactRangeRoot, createCompactRange } from '@lucid/common/formats/compact-range';
import { leafHash, verifyConsistency, verifyInclusion } from '@lucid/common/formats/merkle';
import { verifySubtreeConsistency, verifySubtreeInclusion } from '@lucid/common/formats/merkle-subtree';
import { parseSignerKey, parseVerifierKey } from '@lucid/common/formats/note';
import { encodeEntryBundle, encodeTilePath, parseEntryBundle, parseTilePath } from '@lucid/common/formats/tiles';
import { expect, test } from 'vitest';
import { missingNote, openExternalData } from './external-data.ts';
import { failureCode, readVectors } from './vectors.ts';

interface InclusionCase {
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
  proof: string[] | null;
  wantErr: boolean;
}

interface ConsistencyCase {
  size1: number;
  size2: number;
  root1: string;
  root2: string;
  proof: string[] | null;
  wantErr: boolean;
}

interface SubtreeInclusionCase extends Omit<InclusionCase, 'treeSize'> {
  start: number;
  end: number;
}

interface SubtreeConsistencyCase extends Omit<ConsistencyCase, 'size1' | 'size2'> {
  start: number;
  end: number;
  size: number;
}

const MERKLE = 'ledger/merkle-testdata.tar.xz';
const TESSERA = 'ledger/tessera-golden-log.tar.xz';

function verifyInclusionCase({ leafIdx, treeSize, root, leafHash: leaf, proof }: InclusionCase): void {
  const hashes = (proof ?? []).map((hash) => parseBase64(hash));
  const claim = { leafIndex: leafIdx, treeSize, leafHash: parseBase64(leaf), proof: hashes };
  verifyInclusion({ ...claim, rootHash: parseBase64(root) });
}

function verifyConsistencyCase({ size1, size2, root1, root2, proof }: ConsistencyCase): void {
  const roots = { oldRoot: parseBase64(root1), newRoot: parseBase64(root2) };
  verifyConsistency({
    oldSize: size1,
    newSize: size2,
    ...roots,
    proof: (proof ?? []).map((hash) => parseBase64(hash)),
  });
}

function verifySubtreeInclusionCase({ leafIdx, start, end, root, leafHash: leaf, proof }: SubtreeInclusionCase): void {
  const hashes = (proof ?? []).map((hash) => parseBase64(hash));
  const claim = { leafIndex: leafIdx, start, end, leafHash: parseBase64(leaf), proof: hashes };
  verifySubtreeInclusion({ ...claim, rootHash: parseBase64(root) });
}

function verifySubtreeConsistencyCase({ start, end, size, root1, root2, proof }: SubtreeConsistencyCase): void {
  const hashes = (proof ?? []).map((hash) => parseBase64(hash));
  const roots = { subtreeHash: parseBase64(root1), rootHash: parseBase64(root2) };
  verifySubtreeConsistency({ start, end, treeSize: size, ...roots, proof: hashes });
}

test('transparency-dev/merkle: 98 inclusion and 98 consistency cases, mutations included', async (context) => {
  await using data = await openExternalData(MERKLE);
  if (data === undefined) return context.skip(missingNote(MERKLE));
  const inclusion = data.list('testdata/inclusion/**/*.json');
  const consistency = data.list('testdata/consistency/**/*.json');
  expect([inclusion.length, consistency.length]).toEqual([98, 98]);
  const wrong: string[] = [];
  for (const path of [...inclusion, ...consistency]) {
    const json = (await data.read(path)).toString('utf8');
    const { wantErr } = JSON.parse(json) as { wantErr: boolean };
    const code = await failureCode(() =>
      inclusion.includes(path)
        ? verifyInclusionCase(JSON.parse(json) as InclusionCase)
        : verifyConsistencyCase(JSON.parse(json) as ConsistencyCase),
    );
    if ((code !== undefined) !== wantErr) wrong.push(path);
  }
  expect(wrong).toEqual([]);
});

test('transparency-dev/merkle: 204 inclusion and 118 consistency cases of subtrees', async (context) => {
  await using data = await openExternalData(MERKLE);
  if (data === undefined) return context.skip(missingNote(MERKLE));
  const inclusion = data.list('testdata/subtreeinclusion/**/*.json');
  const consistency = data.list('testdata/subtreeconsistency/**/*.json');
  expect([inclusion.length, consistency.length]).toEqual([204, 118]);
  const wrong: string[] = [];
  for (const path of [...inclusion, ...consistency]) {
    const json = (await data.read(path)).toString('utf8');
    const { wantErr } = JSON.parse(json) as { wantErr: boolean };
    const code = await failureCode(() =>
      inclusion.includes(path)
        ? verifySubtreeInclusionCase(JSON.parse(json) as SubtreeInclusionCase)
        : verifySubtreeConsistencyCase(JSON.parse(json) as SubtreeConsistencyCase),
    );
    if ((code !== undefined) !== wantErr) wrong.push(path);
  }
  expect(wrong).toEqual([]);
});

test('Tessera\u2019s golden log: the same entries under the same key give the same bytes', async (context) => {
  await using data = await openExternalData(TESSERA);
  if (data === undefined) return context.skip(missingNote(TESSERA));
  const keys = readVectors('valid', 'checkpoints') as { verifierKey: string; signerKey: string };
  const verifier = parseVerifierKey(keys.verifierKey);
  const signer = await parseSignerKey(keys.signerKey);
  const tilePath = (level: 0 | 'entries', width: number): string => {
    return `testdata/log/${encodeTilePath({ level, index: 0, width })}`;
  };
  const entries = parseEntryBundle(await data.read(tilePath('entries', 15)));
  expect(entries).toHaveLength(15);
  const range = createCompactRange();
  let files = 0;
  for (let treeSize = 0; treeSize <= entries.length; treeSize++) {
    const note = (await data.read(`testdata/log/checkpoint.${treeSize}`)).toString('utf8');
    const checkpoint = { origin: verifier.name, treeSize, rootHash: compactRangeRoot(range) };
    expect(toBase64((await openCheckpoint(note, [verifier])).rootHash)).toBe(toBase64(checkpoint.rootHash));
    expect(await signCheckpoint(checkpoint, [signer])).toBe(note);
    files++;
    if (treeSize > 0) {
      const hashes = entries.slice(0, treeSize).map((entry) => toHex(leafHash(entry)));
      expect((await data.read(tilePath(0, treeSize))).toString('hex')).toBe(hashes.join(''));
      const bundle = encodeEntryBundle(entries.slice(0, treeSize));
      expect((await data.read(tilePath('entries', treeSize))).toString('hex')).toBe(toHex(bundle));
      files += 2;
    }
    const next = entries[treeSize];
    if (next !== undefined) appendLeafHash(range, leafHash(next));
  }
  expect(files).toBe(46);
  for (const path of data.list('testdata/log/tile/**/*').filter((name) => /\.p\/[0-9]+$/u.test(name))) {
    const tile = path.replace('testdata/log/', '');
    expect(encodeTilePath(parseTilePath(tile))).toBe(tile);
  }
  expect(utf8('one')).toEqual(Uint8Array.from(entries[0] ?? []));
});
