import { isAppError } from '../errors.ts';
import { type AnchorRecord, anchorSlots, parseAnchorSlots } from './anchor-layout.ts';
import { type BlockHeader, createBlockEntry, parseBlockHeader } from './block-header.ts';
import { equalBytes, parseHex, parseHex0x, toHex } from './bytes.ts';
import type { OpenedCheckpoint } from './checkpoint.ts';
import { parseChunkHeader } from './chunk.ts';
import { encodeBlockEntry, encodeSealEntry } from './ledger-entries.ts';
import { malformed } from './malformed.ts';
import {
  CLOCK_AHEAD_MS_MAX,
  encodeManifest,
  type Manifest,
  manifestHash,
  verifyManifestSignature,
} from './manifest.ts';
import { leafHash, verifyInclusion } from './merkle.ts';
import { openTrustedCheckpoint, type TlogPolicy } from './policy.ts';
import { type AnchorProof, type ProofBundle, parseProofBundle } from './proof-bundle.ts';
import { verifyAccountProof, verifyStorageProof } from './storage-proof.ts';
import { parseTlogProof } from './tlog-proof.ts';
import { type ChunkFile, verifyChunkFile, verifyChunkProofs } from './verify-chunks.ts';

/** What the verifier believes before it starts. */
export interface Trust {
  /** The logs, and the witnesses that must have cosigned. */
  readonly policy: TlogPolicy;
  /** Where the LucidAnchors contract is: 0x and lower-case hex. Another contract could say anything. */
  readonly anchorContract: string;
  /** The only chain accepted; without it, any chain whose headers the log holds. */
  readonly chainId?: number;
}

export interface VerifyProofOptions {
  readonly trust: Trust;
  /** Refuse a session that is sealed but not anchored yet. */
  readonly requireAnchor?: boolean;
  /** A stored chunk to check against its header in the bundle. */
  readonly chunk?: ChunkFile;
}

/** One step of the verification. `code` is `OK`, or names the failure for programs. */
export interface ProofStep {
  readonly step: string;
  readonly ok: boolean;
  readonly code: string;
  readonly detail: string;
}

export interface ProofReport {
  /** True only when every step holds. */
  readonly ok: boolean;
  /** In order; the first that fails is the last. */
  readonly steps: readonly ProofStep[];
  readonly manifest?: Manifest;
  /** What the chain says, when the bundle has an anchor and it holds. */
  readonly anchor?: AnchorRecord;
}

/** What earlier steps have established. */
interface Progress {
  readonly bundle: ProofBundle;
  readonly options: VerifyProofOptions;
  readonly manifestBytes: Uint8Array;
  readonly hash: string;
  sealCheckpoint?: OpenedCheckpoint;
  sealIndex?: number;
  blockCheckpoint?: OpenedCheckpoint;
  header?: BlockHeader;
  anchor?: AnchorRecord;
}

interface Check {
  readonly step: string;
  /** The code of this step's failure. */
  readonly code: string;
  /** Says what holds, or throws. */
  readonly run: (progress: Progress) => string | Promise<string>;
}

const sealChecks: readonly Check[] = [
  { step: 'recorder-signature', code: 'PROOF_RECORDER_SIGNATURE_INVALID', run: checkRecorder },
  { step: 'participant-signatures', code: 'PROOF_PARTICIPANT_SIGNATURE_INVALID', run: checkParticipants },
  { step: 'seal-entry', code: 'PROOF_SEAL_MISMATCH', run: checkSealEntry },
  { step: 'seal-checkpoint', code: 'PROOF_SEAL_CHECKPOINT_UNTRUSTED', run: checkSealCheckpoint },
  { step: 'seal-inclusion', code: 'PROOF_SEAL_NOT_INCLUDED', run: checkSealInclusion },
  { step: 'chunks', code: 'PROOF_CHUNK_INVALID', run: ({ bundle }) => verifyChunkProofs(bundle) },
];

const anchorChecks: readonly Check[] = [
  { step: 'anchor-contract', code: 'PROOF_ANCHOR_UNTRUSTED', run: checkContract },
  { step: 'anchor-header', code: 'PROOF_ANCHOR_HEADER_INVALID', run: checkHeader },
  { step: 'anchor-checkpoint', code: 'PROOF_ANCHOR_CHECKPOINT_UNTRUSTED', run: checkBlockCheckpoint },
  { step: 'anchor-inclusion', code: 'PROOF_ANCHOR_NOT_INCLUDED', run: checkBlockInclusion },
  { step: 'anchor-storage', code: 'PROOF_ANCHOR_NOT_PROVEN', run: checkStorage },
  { step: 'anchor-record', code: 'PROOF_ANCHOR_MISMATCH', run: checkRecord },
];

/** Parses and verifies a bundle's bytes; never throws for what is in them. */
export async function verifyProofBytes(bytes: Uint8Array, options: VerifyProofOptions): Promise<ProofReport> {
  let bundle: ProofBundle;
  try {
    bundle = parseProofBundle(bytes);
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { ok: false, steps: [{ step: 'format', ok: false, code: error.code, detail: error.message }] };
  }
  return verifyProofBundle(bundle, options);
}

/** Verifies a parsed bundle, step by step, with no network; stops at the first step that fails. */
export async function verifyProofBundle(bundle: ProofBundle, options: VerifyProofOptions): Promise<ProofReport> {
  const manifestBytes = encodeManifest(bundle.manifest);
  const progress: Progress = { bundle, options, manifestBytes, hash: manifestHash(manifestBytes) };
  const detail = `session ${bundle.manifest.sessionId}, manifest ${progress.hash}`;
  const steps: ProofStep[] = [{ step: 'format', ok: true, code: 'OK', detail }];
  for (const check of listChecks(progress)) {
    const step = await runCheck(check, progress);
    steps.push(step);
    if (!step.ok) return { ok: false, steps, manifest: bundle.manifest };
  }
  const report = { ok: true, steps, manifest: bundle.manifest };
  return progress.anchor === undefined ? report : { ...report, anchor: progress.anchor };
}

function listChecks({ bundle, options }: Progress): readonly Check[] {
  const { chunk } = options;
  const fileChecks: Check[] =
    chunk === undefined
      ? []
      : [{ step: 'chunk-file', code: 'PROOF_CHUNK_FILE_MISMATCH', run: () => verifyChunkFile(bundle, chunk) }];
  const noAnchor: Check = { step: 'anchor', code: 'PROOF_NOT_ANCHORED', run: checkNoAnchor };
  return [...sealChecks, ...fileChecks, ...(bundle.anchor === null ? [noAnchor] : anchorChecks)];
}

async function runCheck({ step, code, run }: Check, progress: Progress): Promise<ProofStep> {
  try {
    return { step, ok: true, code: 'OK', detail: await run(progress) };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { step, ok: false, code, detail: error.message };
  }
}

function mismatch(detail: string): Error {
  return malformed('PROOF_MISMATCH', detail);
}

async function checkRecorder({ bundle, manifestBytes }: Progress): Promise<string> {
  const { recorderKey, sealedBy, chunkCount } = bundle.manifest;
  const signature = bundle.signatures.recorder;
  if (sealedBy === 'platform') {
    if (signature !== null) throw mismatch('a recorder signed a manifest that says the platform sealed it');
    // The step `chunks` holds it to the recorder's key and to the tree; its header names all the ones before.
    const last = bundle.chunks.at(-1);
    if (last === undefined || parseChunkHeader(parseHex(last.header)).chunkIndex !== chunkCount - 1) {
      throw mismatch('the last chunk is not proven, and nothing else would be signed by the recorder');
    }
    return `sealed by the platform after the recorder fell silent; it signed the chunks up to ${chunkCount - 1} only`;
  }
  if (signature === null) throw mismatch('the recorder has not signed the manifest');
  await verifyManifestSignature(manifestBytes, recorderKey, signature);
  return `the recorder ${recorderKey} signed the manifest`;
}

async function checkParticipants({ bundle, manifestBytes }: Progress): Promise<string> {
  const { participants } = bundle.signatures;
  const known = new Set(bundle.manifest.participants.map(({ signingKey }) => signingKey));
  for (const { publicKey, signature } of participants) {
    if (!known.delete(publicKey)) throw mismatch(`${publicKey} is no participant, or signed twice`);
    await verifyManifestSignature(manifestBytes, publicKey, signature);
  }
  return `${participants.length} of ${bundle.manifest.participants.length} participants signed the manifest`;
}

function checkSealEntry({ bundle, hash }: Progress): string {
  const { manifest, seal } = bundle;
  if (seal.entry.manifestHash !== hash) throw mismatch('the seal is of another manifest');
  for (const member of ['sessionId', 'merkleRoot', 'chunkCount'] as const) {
    if (seal.entry[member] !== manifest[member]) throw mismatch(`seal and manifest differ in ${member}`);
  }
  return `the seal commits to ${manifest.chunkCount} chunks under root ${manifest.merkleRoot}`;
}

/** The receipt, refused when it carries bytes that nothing authenticates. */
function parseReceipt(receipt: string): ReturnType<typeof parseTlogProof> {
  const proof = parseTlogProof(receipt);
  if (proof.extra !== undefined) throw mismatch('the receipt has an extra line, which nothing proves');
  return proof;
}

async function checkSealCheckpoint(progress: Progress): Promise<string> {
  const { checkpoint } = parseReceipt(progress.bundle.seal.receipt);
  const opened = await openTrustedCheckpoint(checkpoint, progress.options.trust.policy);
  progress.sealCheckpoint = opened;
  return `${opened.origin} signed a tree of ${opened.treeSize} entries`;
}

function checkInclusion(receipt: string, entry: Uint8Array, checkpoint: OpenedCheckpoint | undefined): number {
  if (checkpoint === undefined) throw mismatch('no checkpoint was opened');
  const { leafIndex, proof } = parseReceipt(receipt);
  const { treeSize, rootHash } = checkpoint;
  verifyInclusion({ leafIndex, treeSize, leafHash: leafHash(entry), proof, rootHash });
  return leafIndex;
}

function checkSealInclusion(progress: Progress): string {
  const { seal } = progress.bundle;
  progress.sealIndex = checkInclusion(seal.receipt, encodeSealEntry(seal.entry), progress.sealCheckpoint);
  return `the seal is entry ${progress.sealIndex} of the log`;
}

function checkNoAnchor({ options }: Progress): string {
  if (options.requireAnchor === true) throw mismatch('the session is not anchored on the chain');
  return 'not anchored on the chain yet';
}

function requireAnchorProof({ bundle }: Progress): AnchorProof {
  if (bundle.anchor === null) throw mismatch('the bundle has no anchor');
  return bundle.anchor;
}

function checkContract(progress: Progress): string {
  const { chainId, contract } = requireAnchorProof(progress);
  const { trust } = progress.options;
  if (contract !== trust.anchorContract) throw mismatch(`${contract} is not the trusted contract`);
  if (trust.chainId !== undefined && chainId !== trust.chainId)
    throw mismatch(`chain ${chainId} is not the trusted one`);
  return `contract ${contract} on chain ${chainId}`;
}

function checkHeader(progress: Progress): string {
  const header = parseBlockHeader(parseHex0x(requireAnchorProof(progress).header));
  progress.header = header;
  return `block ${header.blockNumber}, ${toHex(header.blockHash)}`;
}

async function checkBlockCheckpoint(progress: Progress): Promise<string> {
  const { checkpoint } = parseReceipt(requireAnchorProof(progress).receipt);
  const opened = await openTrustedCheckpoint(checkpoint, progress.options.trust.policy);
  const seal = progress.sealCheckpoint;
  if (seal === undefined || opened.origin !== seal.origin) throw mismatch('seal and block are in different logs');
  if (opened.treeSize === seal.treeSize && !equalBytes(opened.rootHash, seal.rootHash)) {
    throw mismatch('the log signed two different trees of one size');
  }
  progress.blockCheckpoint = opened;
  return `${opened.origin} signed a tree of ${opened.treeSize} entries`;
}

function checkBlockInclusion(progress: Progress): string {
  const { chainId, receipt } = requireAnchorProof(progress);
  if (progress.header === undefined) throw mismatch('no header was read');
  const entry = encodeBlockEntry(createBlockEntry(chainId, progress.header));
  const blockIndex = checkInclusion(receipt, entry, progress.blockCheckpoint);
  // A session is sealed first and anchored then; two entries at one index would be two logs under one name.
  if (progress.sealIndex === undefined || blockIndex <= progress.sealIndex) {
    throw mismatch(`the block is entry ${blockIndex} of the log, which is not after the seal`);
  }
  return `the block is entry ${blockIndex} of the log`;
}

function checkStorage(progress: Progress): string {
  const { contract, accountProof, storageProofs } = requireAnchorProof(progress);
  if (progress.header === undefined) throw mismatch('no header was read');
  const nodes = (proof: readonly string[]) => proof.map((node) => parseHex0x(node));
  const { stateRoot } = progress.header;
  const account = verifyAccountProof(stateRoot, parseHex0x(contract, 20), nodes(accountProof));
  const slots = anchorSlots(progress.bundle.manifest.sessionId);
  if (storageProofs.length !== slots.length) throw mismatch(`the anchor has ${slots.length} slots`);
  const values = slots.map((slot, position) =>
    verifyStorageProof(account.storageRoot, parseHex0x(slot, 32), nodes(storageProofs[position] ?? [])),
  );
  progress.anchor = parseAnchorSlots(values);
  return `the contract's storage is proven under state root ${toHex(stateRoot)}`;
}

function checkRecord({ bundle, hash, anchor, header }: Progress): string {
  const { manifest } = bundle;
  if (anchor === undefined || header === undefined) throw mismatch('no record was read');
  const expected = {
    manifestHash: hash,
    merkleRoot: manifest.merkleRoot,
    chunkCount: manifest.chunkCount,
    startedAt: Date.parse(manifest.startedAt),
    owner: manifest.owner.address,
  };
  for (const member of Object.keys(expected) as (keyof typeof expected)[]) {
    if (anchor[member] !== expected[member]) throw mismatch(`chain and manifest differ in ${member}`);
  }
  checkTimes(manifest, anchor, header);
  return `anchored in block ${anchor.anchoredBlock} at ${new Date(anchor.anchoredAt * 1000).toISOString()}`;
}

/** The chain's clock bounds what a recorder may claim: a session that it took in had ended, but for clocks that differ. */
function checkTimes(manifest: Manifest, anchor: AnchorRecord, header: BlockHeader): void {
  if (anchor.anchoredBlock > header.blockNumber || anchor.anchoredAt > header.timestamp) {
    throw mismatch('the record is younger than the block that proves it');
  }
  if (anchor.anchoredBlock === header.blockNumber && anchor.anchoredAt !== header.timestamp) {
    throw mismatch('record and block are the same block at two times');
  }
  if (Date.parse(manifest.endedAt) > anchor.anchoredAt * 1000 + CLOCK_AHEAD_MS_MAX) {
    throw mismatch('the session ends after it was anchored');
  }
}
