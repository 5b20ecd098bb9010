import assert from 'node:assert/strict';
import { equalBytes } from '@lucid/common/formats/bytes';
import { chunkLeafHash } from '@lucid/common/formats/chunk';
import { appendLeafHash, compactRangeRoot, createCompactRange } from '@lucid/common/formats/compact-range';
import { proveInclusion } from '@lucid/common/formats/merkle';
import { sha256 } from '@lucid/common/formats/sha256';
import { MerkleTree } from 'merkletreejs';
import { type ChunkRecord, requireChain } from './chunk.ts';

/** The RFC 6962 tree over a session's chunk headers. */
export interface ChunkTree {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  /** The inclusion proof of a leaf, leaf to root. */
  prove(chunkIndex: number): Uint8Array[];
}

/**
 * Builds the tree of chunks that come by rising index from 0, and holds the headers to their chain on the way.
 * The root is computed twice, by merkletreejs and by a compact range; that they differ would be a fault of ours.
 * @throws SESSION_CHUNK_CHAIN_BROKEN
 */
export async function buildChunkTree(chunks: AsyncIterable<ChunkRecord>): Promise<ChunkTree> {
  const leafHashes: Buffer[] = [];
  const range = createCompactRange();
  let previous: ChunkRecord | undefined;
  for await (const chunk of chunks) {
    assert.equal(chunk.chunkIndex, leafHashes.length, 'the chunks of a tree have no gap');
    requireChain(previous, chunk);
    previous = chunk;
    const leafHash = chunkLeafHash(chunk.header);
    leafHashes.push(toBuffer(leafHash));
    appendLeafHash(range, leafHash);
  }
  const layers = merkleLayers(leafHashes);
  const rootHash = layers.at(-1)?.[0];
  assert.ok(rootHash && equalBytes(rootHash, compactRangeRoot(range)), 'both ways lead to one root');
  const readNode = (level: number, index: number): Uint8Array => {
    const node = layers[level]?.[index];
    assert.ok(node, 'a tree has every node its proofs name');
    return node;
  };
  const treeSize = leafHashes.length;
  return { treeSize, rootHash, prove: (chunkIndex) => proveInclusion(chunkIndex, treeSize, readNode) };
}

/**
 * merkletreejs in the one configuration that is RFC 6962: ready leaf hashes, nodes prefixed with 0x01, a lone node
 * carried up as it is. Its own `verify` is never used: it binds neither index nor size.
 */
function merkleLayers(leafHashes: Buffer[]): readonly (readonly Buffer[])[] {
  const tree = new MerkleTree(leafHashes, hashNode, { hashLeaves: false, sortPairs: false, duplicateOdd: false });
  return tree.getLayers();
}

const nodePrefix = Uint8Array.of(1);

function hashNode(pair: Buffer): Buffer {
  return toBuffer(sha256(Buffer.concat([nodePrefix, pair])));
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const heldMax = 4;

/** Trees of sealed sessions, a few at a time: their chunks never change. */
export class ChunkTrees {
  readonly #held = new Map<string, Promise<ChunkTree>>();

  get(sessionId: string, readChunks: () => AsyncIterable<ChunkRecord>): Promise<ChunkTree> {
    const tree = this.#held.get(sessionId) ?? buildChunkTree(readChunks());
    this.#held.delete(sessionId);
    this.#held.set(sessionId, tree);
    tree.catch(() => this.#held.delete(sessionId));
    const oldest = this.#held.keys().next().value;
    if (this.#held.size > heldMax && oldest !== undefined) this.#held.delete(oldest);
    return tree;
  }
}
