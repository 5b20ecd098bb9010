import { isAppError } from '../errors.ts';
import type { Bytes } from './bytes.ts';
import { encodeCanonicalJson, type JsonValue, parseJson } from './canonical-json.ts';
import { CHUNK_HEADER_SIZE } from './chunk.ts';
import { parseSealEntry, type SealEntry } from './ledger-entries.ts';
import { malformed } from './malformed.ts';
import { type Manifest, parseManifest } from './manifest.ts';
import {
  hex,
  hex0x,
  hex0xUpTo,
  integer,
  json,
  lines,
  list,
  literal,
  nullable,
  object,
  readDocument,
  type Shaped,
} from './shape.ts';

/**
 * The proof bundle: one canonical JSON document that proves a sealed session to anybody, offline. Every byte of it
 * takes part in the verification, but for a receipt's signature lines by keys that the verifier's policy does not list.
 */
export const PROOF_BUNDLE_MEDIA_TYPE = 'application/vnd.lucid.proof+json';
export const PROOF_BUNDLE_SIZE_MAX = 16 * 1024 * 1024;
const CHUNKS_MAX = 10_000;
const RECEIPT_SIZE_MAX = 64 * 1024;
const TRIE_NODES_MAX = 65;
/** A header takes some 600 bytes and a branch of a trie 532. What is larger is refused before it is taken apart. */
const RLP_SIZE_MAX = 2048;
const rlp = hex0xUpTo(RLP_SIZE_MAX);

const anchorShape = {
  chainId: integer(1, Number.MAX_SAFE_INTEGER),
  /** The LucidAnchors contract. */
  contract: hex0x(20),
  /** RLP of the block's header. */
  header: rlp,
  /** Trie nodes from the header's stateRoot to the contract's account, as `eth_getProof` gives them. */
  accountProof: list(rlp, TRIE_NODES_MAX),
  /** Trie nodes from the account's storage root to each of the four slots of `anchorSlots`, in its order. */
  storageProofs: list(list(rlp, TRIE_NODES_MAX), 4),
  /** tlog-proof of the header's `lucid/block@1` entry. */
  receipt: lines(RECEIPT_SIZE_MAX),
};

const chunkShape = {
  /** The 129 bytes of the header: the leaf of the chunk tree. */
  header: hex(CHUNK_HEADER_SIZE),
  /** The recorder's, over the header. */
  signature: hex(64),
  /** Inclusion in the manifest's merkleRoot. */
  proof: list(hex(32), 32),
};

const readEnvelope = object({
  type: literal('lucid/proof@1'),
  manifest: json,
  signatures: object({
    /**
     * Null only where the platform sealed the session for a recorder that fell silent; then `chunks` must hold the
     * last one, or nothing would be the recorder's word.
     */
    recorder: nullable(hex(64)),
    participants: list(object({ publicKey: hex(32), signature: hex(64) }), 256),
  }),
  /** The ledger's entry of the session, and its tlog-proof. */
  seal: object({ entry: json, receipt: lines(RECEIPT_SIZE_MAX) }),
  /** Null until the session is anchored. */
  anchor: nullable(object(anchorShape)),
  /** Chunks somebody asked to prove, by rising index. */
  chunks: list(object(chunkShape), CHUNKS_MAX),
});

type Envelope = ReturnType<typeof readEnvelope>;
export type AnchorProof = Shaped<typeof anchorShape>;
export type ChunkProof = Shaped<typeof chunkShape>;

export interface ProofBundle extends Omit<Envelope, 'manifest' | 'seal'> {
  readonly manifest: Manifest;
  readonly seal: { readonly entry: SealEntry; readonly receipt: string };
}

/** The bundle's bytes; `PROOF_MALFORMED` when it is not one. */
export function encodeProofBundle(bundle: ProofBundle): Bytes {
  const bytes = encodeCanonicalJson(bundle);
  parseProofBundle(bytes);
  return bytes;
}

/** Parses a bundle; `PROOF_MALFORMED` on any other spelling or shape. Nothing is verified yet. */
export function parseProofBundle(bytes: Uint8Array): ProofBundle {
  try {
    const value = parseJson(bytes, { canonical: true, sizeMax: PROOF_BUNDLE_SIZE_MAX });
    const { manifest, seal, ...rest } = readDocument(readEnvelope, value, 'PROOF_MALFORMED');
    const entry = parseInner(seal.entry, parseSealEntry);
    return { ...rest, manifest: parseInner(manifest, parseManifest), seal: { entry, receipt: seal.receipt } };
  } catch (error) {
    if (!isAppError(error)) throw error;
    throw malformed('PROOF_MALFORMED', error.message, { ...error.data, cause: error.code });
  }
}

function parseInner<T>(value: JsonValue, parse: (bytes: Uint8Array) => T): T {
  return parse(encodeCanonicalJson(value));
}
