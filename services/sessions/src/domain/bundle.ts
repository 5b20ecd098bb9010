import { toHex } from '@lucid/common/formats/bytes';
import { type ChunkProof, encodeProofBundle } from '@lucid/common/formats/proof-bundle';
import { sessionError } from '../errors.ts';
import type { ChunkTrees } from './chunk-tree.ts';
import { manifestOf, type SealRecord } from './seal.ts';
import type { SessionStore } from './session-store.ts';
import { sealEntryOf } from './settlement.ts';

export interface BundleDeps {
  readonly store: SessionStore;
  readonly trees: ChunkTrees;
}

export interface BundleOptions {
  /** Indexes of chunks to prove. */
  readonly chunks: readonly number[];
  /** Refuse a bundle without its anchor. */
  readonly requireAnchor: boolean;
}

/**
 * The proof bundle of a sealed session, as its canonical bytes.
 * @throws SESSION_NOT_SEALED, SESSION_NOT_ANCHORED, SESSION_CHUNK_NOT_FOUND
 */
export async function buildBundle(deps: BundleDeps, sessionId: string, options: BundleOptions): Promise<Uint8Array> {
  const seal = await getSeal(deps.store, sessionId);
  if (seal.receipt === undefined) {
    throw sessionError('SESSION_NOT_SEALED', 'The seal is on its way to the ledger; its receipt is not here yet.');
  }
  if (options.requireAnchor && !seal.anchor) {
    throw sessionError('SESSION_NOT_ANCHORED', 'The session is sealed and on its way to the chain.');
  }
  const indexes = [...new Set(options.chunks)].toSorted((left, right) => left - right);
  return encodeProofBundle({
    type: 'lucid/proof@1',
    manifest: manifestOf(seal).manifest,
    signatures: { recorder: seal.recorderSignature, participants: seal.participantSignatures },
    seal: { entry: sealEntryOf(seal).entry, receipt: seal.receipt },
    anchor: seal.anchor ?? null,
    chunks: indexes.length === 0 ? [] : await proveChunks(deps, sessionId, indexes),
  });
}

/** @throws SESSION_NOT_SEALED when no manifest is kept */
export async function getSeal(store: SessionStore, sessionId: string): Promise<SealRecord> {
  const seal = await store.findSeal(sessionId);
  if (seal) return seal;
  throw sessionError('SESSION_NOT_SEALED', 'The session is not sealed.');
}

async function proveChunks(deps: BundleDeps, sessionId: string, indexes: readonly number[]): Promise<ChunkProof[]> {
  const tree = await deps.trees.get(sessionId, () => deps.store.readChunks(sessionId));
  return await Promise.all(
    indexes.map(async (chunkIndex) => {
      const chunk = await getChunk(deps.store, sessionId, chunkIndex);
      return {
        header: toHex(chunk.header),
        signature: toHex(chunk.signature),
        proof: tree.prove(chunkIndex).map(toHex),
      };
    }),
  );
}

/** @throws SESSION_CHUNK_NOT_FOUND */
export async function getChunk(store: SessionStore, sessionId: string, chunkIndex: number) {
  const chunk = await store.findChunk(sessionId, chunkIndex);
  if (chunk) return chunk;
  throw sessionError('SESSION_CHUNK_NOT_FOUND', `The session has no chunk ${chunkIndex}.`);
}
