import { randomUUID } from 'node:crypto';
import { chunkLeafHash } from '@lucid/common/formats/chunk';
import { computeRootHash, verifyInclusion } from '@lucid/common/formats/merkle';
import { expect, test } from 'vitest';
import { TestRecorder } from '../../../../test/support/test-recorder.ts';
import { type ChunkRecord, readChunk } from '../../src/domain/chunk.ts';
import { buildChunkTree } from '../../src/domain/chunk-tree.ts';

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

test('the tree of any size has the RFC 6962 root and proves every chunk', async () => {
  const sessionId = randomUUID();
  const recorder = await TestRecorder.create();
  const chunks = await recorder.chunks(sessionId, 33);
  const records = chunks.map(({ chunkIndex, headers }) => readChunk(sessionId, chunkIndex, headers));
  for (let treeSize = 1; treeSize <= records.length; treeSize++) {
    const tree = await buildChunkTree(stream(records.slice(0, treeSize)));
    const leafHashes = records.slice(0, treeSize).map(({ header }) => chunkLeafHash(header));
    expect(tree.treeSize).toBe(treeSize);
    expect(Buffer.from(tree.rootHash).equals(computeRootHash(leafHashes))).toBe(true);
    leafHashes.forEach((leafHash, leafIndex) => {
      verifyInclusion({ leafIndex, treeSize, leafHash, proof: tree.prove(leafIndex), rootHash: tree.rootHash });
    });
  }
});

test('a broken chain of headers has no tree', async () => {
  const sessionId = randomUUID();
  const recorder = await TestRecorder.create();
  const [first, second] = await recorder.chunks(sessionId, 2);
  const fork = await recorder.chunk(sessionId, 1, new Uint8Array(64));
  const records = [first, second, fork].flatMap((chunk): ChunkRecord[] =>
    chunk ? [readChunk(sessionId, chunk.chunkIndex, chunk.headers)] : [],
  );
  const [a, , c] = records as [ChunkRecord, ChunkRecord, ChunkRecord];
  await expect(buildChunkTree(stream([a, c]))).rejects.toMatchObject({ code: 'SESSION_CHUNK_CHAIN_BROKEN' });
});
