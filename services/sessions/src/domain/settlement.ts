import { isAppError } from '@lucid/common/errors';
import { createSealEntry, encodeSealEntry, type SealEntry } from '@lucid/common/formats/ledger-entries';
import type { AnchorProof } from '@lucid/common/formats/proof-bundle';
import { manifestOf, type SealRecord } from './seal.ts';
import type { SessionRecord } from './session.ts';
import type { SessionStore } from './session-store.ts';

/** The ledger, as a seal needs it. */
export interface Ledger {
  /**
   * Appends an entry and waits for its receipt, which is held to the entry before it is answered. The same key gives
   * the same index, however often it is asked.
   */
  append(entry: Uint8Array, idempotencyKey: string): Promise<{ readonly leafIndex: number; readonly receipt: string }>;
  /** The receipt of an entry somebody else appended; undefined while the ledger has no such entry. */
  findReceipt(entry: Uint8Array): Promise<string | undefined>;
}

/** What the chain records of a sealed session. */
export interface AnchorOrder {
  readonly sessionId: string;
  readonly manifestHash: string;
  readonly merkleRoot: string;
  readonly owner: string;
  readonly startedAt: string;
  readonly chunkCount: number;
}

export type AnchorProgress =
  | { readonly status: 'pending' }
  | { readonly status: 'confirmed'; readonly transactionHash?: string }
  | { readonly status: 'failed'; readonly reason: string };

/** A proof of the anchor against one block, and how that block is named in the ledger. */
export interface ProvenAnchor {
  readonly proof: Omit<AnchorProof, 'receipt'>;
  readonly blockNumber: number;
  readonly blockHash: string;
  /** The `lucid/block@1` entry of the proof's block. */
  readonly blockEntry: Uint8Array;
}

/** The anchor queue. */
export interface Anchors {
  /** Queues an anchor, once for a session however often it is asked. */
  order(order: AnchorOrder): Promise<void>;
  getProgress(sessionId: string): Promise<AnchorProgress>;
  prove(sessionId: string): Promise<ProvenAnchor>;
}

export interface SettlementDeps {
  readonly store: SessionStore;
  readonly ledger: Ledger;
  readonly anchors: Anchors;
  readonly now: () => number;
}

/** The ledger's entry of a seal. */
export function sealEntryOf(seal: SealRecord): { readonly entry: SealEntry; readonly bytes: Uint8Array } {
  const { bytes, manifest } = manifestOf(seal);
  const entry = createSealEntry(manifest, bytes);
  return { entry, bytes: encodeSealEntry(entry) };
}

/** Writes a seal to the ledger and keeps the receipt: sealing → sealed. Does nothing the second time. */
export async function writeSeal({ store, ledger }: SettlementDeps, sessionId: string): Promise<void> {
  const seal = await store.findSeal(sessionId);
  if (!seal || seal.receipt !== undefined) return;
  const { leafIndex, receipt } = await ledger.append(sealEntryOf(seal).bytes, seal.manifestHash);
  await store.addReceipt(sessionId, receipt, ({ problem: _solved, ...session }) => {
    return { ...session, state: 'sealed', ...(session.seal ? { seal: { ...session.seal, leafIndex } } : {}) };
  });
}

/** Orders the anchor of a sealed session and notes that it is to be followed. */
export async function orderAnchor({ store, anchors }: SettlementDeps, sessionId: string): Promise<void> {
  const seal = await store.findSeal(sessionId);
  if (!seal || seal.anchor) return;
  const { manifest } = manifestOf(seal);
  await anchors.order({
    sessionId,
    manifestHash: seal.manifestHash,
    merkleRoot: manifest.merkleRoot,
    owner: manifest.owner.address,
    startedAt: manifest.startedAt,
    chunkCount: manifest.chunkCount,
  });
  await store.followAnchor(sessionId);
}

/** Looks after a queued anchor once; true when it is proven and kept: sealed → anchored. */
export async function followAnchor(deps: SettlementDeps, sessionId: string): Promise<boolean> {
  const { store, ledger, anchors, now } = deps;
  const progress = await anchors.getProgress(sessionId);
  if (progress.status === 'failed') {
    await noteProblem(store, sessionId, { code: 'ANCHOR_FAILED', detail: progress.reason });
    return false;
  }
  if (progress.status !== 'confirmed') return false;
  const { proof, blockNumber, blockHash, blockEntry } = await anchors.prove(sessionId);
  // The vm writes its headers to the ledger by an outbox of its own, so this one may be on its way still.
  const receipt = await ledger.findReceipt(blockEntry);
  if (receipt === undefined) return false;
  const { transactionHash } = progress;
  const anchor = {
    blockNumber,
    blockHash,
    anchoredAt: now(),
    ...(transactionHash === undefined ? {} : { transactionHash }),
  };
  await store.addAnchor(sessionId, { ...proof, receipt }, ({ problem: _solved, ...session }) => {
    return { ...session, state: 'anchored', anchor };
  });
  return true;
}

/** Says on the session why it stands still, for its owner and the operator to see. */
export async function noteProblem(
  store: SessionStore,
  sessionId: string,
  problem: NonNullable<SessionRecord['problem']>,
): Promise<void> {
  const session = await store.findSession(sessionId);
  if (!session || (session.problem?.code === problem.code && session.problem.detail === problem.detail)) return;
  await store.changeSession(sessionId, (latest) => ({ ...latest, problem }));
}

/** As `noteProblem`, for an error; one that is not expected says nothing of itself. */
export function problemOf(error: unknown): NonNullable<SessionRecord['problem']> {
  if (isAppError(error)) return { code: error.code, detail: error.message };
  return { code: 'INTERNAL', detail: 'The service failed; its log says why.' };
}
