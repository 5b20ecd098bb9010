import { createMerkleProof, createMPT } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import { anchorSlots } from '../../src/formats/anchor-layout.ts';
import { createBlockEntry, parseBlockHeader } from '../../src/formats/block-header.ts';
import { concatBytes, parseHex, parseHex0x, toHex, toHex0x, uint64be, utf8 } from '../../src/formats/bytes.ts';
import { signCheckpoint } from '../../src/formats/checkpoint.ts';
import {
  chunkHeaderHash,
  chunkLeafHash,
  chunkSigningPayload,
  createChunkSalt,
  encodeChunkHeader,
  sealChunk,
} from '../../src/formats/chunk.ts';
import { createEd25519Seed, type Ed25519Signer, openEd25519Signer } from '../../src/formats/ed25519.ts';
import { createSessionId, ownerAddressOf } from '../../src/formats/ids.ts';
import { keccak256 } from '../../src/formats/keccak256.ts';
import { createSealEntry, encodeBlockEntry, encodeSealEntry } from '../../src/formats/ledger-entries.ts';
import { encodeManifest, type Manifest, manifestHash, signManifest } from '../../src/formats/manifest.ts';
import { createMerkleTree, leafHash, proveInclusion } from '../../src/formats/merkle.ts';
import { createNoteSigner, encodeVerifierKey, type NoteSigner } from '../../src/formats/note.ts';
import { encodeLogPolicy, parsePolicy } from '../../src/formats/policy.ts';
import type { AnchorProof, ChunkProof, ProofBundle } from '../../src/formats/proof-bundle.ts';
import { sha256 } from '../../src/formats/sha256.ts';
import { encodeTlogProof } from '../../src/formats/tlog-proof.ts';
import type { Trust } from '../../src/formats/verify-proof.ts';

export const CONTRACT = `0x${'a7'.repeat(20)}`;
const CHAIN_ID = 5;
const ORIGIN = 'lucid.example/lucid/main';

/** A sealed and anchored session made from nothing but keys: a log, a chain's state and its chunks. */
export interface Fixture {
  readonly bundle: ProofBundle;
  readonly trust: Trust;
  readonly chunkFiles: readonly Uint8Array[];
  readonly log: NoteSigner;
  /** Seals and anchors the same chunks under another manifest, on a chain that says otherwise. */
  readonly reseal: (change: Partial<Manifest>, chain?: Partial<ChainClaims>) => Promise<ProofBundle>;
}

/** What the contract's record and the header say of block and time, and where in the log the block is. */
export interface ChainClaims {
  readonly anchoredBlock: number;
  readonly anchoredAt: number;
  readonly blockNumber: number;
  readonly timestamp: number;
  /** The log has the block before the seal. */
  readonly isBlockFirst: boolean;
}

const CHAIN: ChainClaims = {
  anchoredBlock: 7,
  anchoredAt: 1_800_000_000,
  blockNumber: 9,
  timestamp: 1_800_000_100,
  isBlockFirst: false,
};

interface RecordedChunk {
  readonly header: Uint8Array;
  readonly signature: string;
  readonly stored: Uint8Array;
}

async function recordChunks(sessionId: string, count: number, recorder: Ed25519Signer): Promise<RecordedChunk[]> {
  const secret = createEd25519Seed();
  const chunks: RecordedChunk[] = [];
  let previousHash: Uint8Array = new Uint8Array(32);
  for (let chunkIndex = 0; chunkIndex < count; chunkIndex++) {
    const chunkSalt = createChunkSalt();
    const stored = await sealChunk(secret, { sessionId, chunkIndex, chunkSalt }, utf8(`chunk ${chunkIndex}`));
    const cipherDigest = sha256(stored);
    const sizes = { plainSize: 100, cipherSize: stored.length };
    const capturedAt = 1_700_000_000_000 + chunkIndex;
    const header = encodeChunkHeader({
      sessionId,
      chunkIndex,
      capturedAt,
      ...sizes,
      chunkSalt,
      cipherDigest,
      previousHash,
    });
    previousHash = chunkHeaderHash(header);
    chunks.push({ header, signature: toHex(await recorder.sign(chunkSigningPayload(header))), stored });
  }
  return chunks;
}

function proveChunks(chunks: readonly RecordedChunk[]): ChunkProof[] {
  const { treeSize, readNode } = createMerkleTree(chunks.map(({ header }) => chunkLeafHash(header)));
  return chunks.map(({ header, signature }, index) => ({
    header: toHex(header),
    signature,
    proof: proveInclusion(index, treeSize, readNode).map(toHex),
  }));
}

/** The receipt of the last of `entries`, in a log that holds one more. */
export async function receiptOf(entries: readonly Uint8Array[], log: NoteSigner): Promise<string> {
  const leafIndex = entries.length - 1;
  const { treeSize, rootHash, readNode } = createMerkleTree([...entries, utf8('last')].map(leafHash));
  const checkpoint = await signCheckpoint({ origin: ORIGIN, treeSize, rootHash }, [log]);
  return encodeTlogProof({ leafIndex, proof: proveInclusion(leafIndex, treeSize, readNode), checkpoint });
}

/** A state trie whose contract holds the session's record among others, and a header over it. */
async function anchorOf(
  manifest: Manifest,
  chain: ChainClaims,
  neighbours: number,
): Promise<Omit<AnchorProof, 'receipt'>> {
  const packed = concatBytes(
    uint64be(manifest.chunkCount).subarray(4),
    uint64be(Date.parse(manifest.startedAt)),
    parseHex0x(manifest.owner.address),
  );
  const values = [
    parseHex(manifestHash(encodeManifest(manifest))),
    parseHex(manifest.merkleRoot),
    packed,
    concatBytes(uint64be(chain.anchoredBlock), uint64be(chain.anchoredAt)),
  ];
  const storage = await createMPT();
  const slots = anchorSlots(manifest.sessionId).map((slot) => parseHex0x(slot));
  const others = Array.from({ length: neighbours }, (_, index) => sha256(uint64be(index)));
  for (const [index, slot] of [...slots, ...others].entries()) {
    const value = values[index] ?? Uint8Array.of(1);
    const digits = value.subarray(value.findIndex((byte) => byte !== 0));
    await storage.put(keccak256(slot), RLP.encode(digits));
  }
  const state = await createMPT();
  const account = RLP.encode([Uint8Array.of(1), new Uint8Array(0), storage.root(), keccak256(utf8('code'))]);
  await state.put(keccak256(parseHex0x(CONTRACT)), account);
  for (const other of others) await state.put(keccak256(other.subarray(12)), account);
  const integers = [0, chain.blockNumber, 30_000_000, 21_000, chain.timestamp].map((value) => uint64be(value));
  const numbers = integers.map((digits) =>
    digits.subarray(digits.findIndex((byte) => byte !== 0) + 8 * Number(digits.every((byte) => byte === 0))),
  );
  const word = sha256(utf8('word'));
  const members = [
    word,
    word,
    word.subarray(12),
    state.root(),
    word,
    word,
    new Uint8Array(256),
    ...numbers,
    new Uint8Array(0),
    word,
    new Uint8Array(8),
  ];
  const header = RLP.encode(members);
  return {
    chainId: CHAIN_ID,
    contract: CONTRACT,
    header: toHex0x(header),
    accountProof: (await createMerkleProof(state, keccak256(parseHex0x(CONTRACT)))).map(toHex0x),
    storageProofs: await Promise.all(
      slots.map(async (slot) => (await createMerkleProof(storage, keccak256(slot))).map(toHex0x)),
    ),
  };
}

/** `neighbours` is how many other slots and accounts the tries hold: with more, proofs are longer. */
export async function createFixture(chunkCount = 3, neighbours = 40): Promise<Fixture> {
  const sessionId = createSessionId();
  const [recorder, participant] = [
    await openEd25519Signer(createEd25519Seed()),
    await openEd25519Signer(createEd25519Seed()),
  ];
  const logSeed = createEd25519Seed();
  const log = await createNoteSigner(ORIGIN, logSeed);
  const vkey = encodeVerifierKey(ORIGIN, (await openEd25519Signer(logSeed)).publicKey);
  const chunks = await recordChunks(sessionId, chunkCount, recorder);
  const { rootHash } = createMerkleTree(chunks.map(({ header }) => chunkLeafHash(header)));
  const manifest: Manifest = {
    type: 'lucid/manifest@1',
    sessionId,
    labels: ['fixture'],
    owner: { subject: 'user-1', address: ownerAddressOf('user-1') },
    recorderKey: toHex(recorder.publicKey),
    participants: [{ signingKey: toHex(participant.publicKey) }],
    recipients: [],
    policyHash: '11'.repeat(32),
    startedAt: '2025-01-02T03:04:05.678Z',
    endedAt: '2025-01-02T03:05:05.678Z',
    chunkCount,
    plainBytes: 100 * chunkCount,
    cipherBytes: chunks.reduce((sum, { stored }) => sum + stored.length, 0),
    merkleRoot: toHex(rootHash),
    codec: { content: 'application/octet-stream', compression: 'zstd', encryption: 'aes-256-gcm' },
    recorderVersion: 'lucid/0.1.0',
    device: 'test',
    retention: { retainForSec: 0 },
    previous: null,
    sealedBy: 'recorder',
  };
  const reseal = async (change: Partial<Manifest>, claims: Partial<ChainClaims> = {}): Promise<ProofBundle> => {
    const chain = { ...CHAIN, ...claims };
    const changed = { ...manifest, ...change };
    const bytes = encodeManifest(changed);
    const entry = createSealEntry(changed, bytes);
    const seal = encodeSealEntry(entry);
    const anchor = await anchorOf(changed, chain, neighbours);
    const block = encodeBlockEntry(createBlockEntry(CHAIN_ID, parseBlockHeader(parseHex0x(anchor.header))));
    const participants = [
      { publicKey: toHex(participant.publicKey), signature: await signManifest(bytes, participant) },
    ];
    return {
      type: 'lucid/proof@1',
      manifest: changed,
      signatures: { recorder: await signManifest(bytes, recorder), participants },
      seal: { entry, receipt: await receiptOf([...(chain.isBlockFirst ? [block] : []), utf8('first'), seal], log) },
      anchor: {
        ...anchor,
        receipt: await receiptOf([...(chain.isBlockFirst ? [] : [utf8('first'), seal]), block], log),
      },
      chunks: proveChunks(chunks),
    };
  };
  return {
    bundle: await reseal({}),
    trust: { policy: parsePolicy(encodeLogPolicy(vkey)), anchorContract: CONTRACT, chainId: CHAIN_ID },
    chunkFiles: chunks.map(({ stored }) => stored),
    log,
    reseal,
  };
}
