import { getAddress, hexlify, type Log, type TypedDataField } from 'ethers';
import { contractAddresses } from './addresses.ts';
import { contractInterfaces } from './interfaces.ts';

const anchors = contractInterfaces.LucidAnchors;

/** The arguments of a registration. Hashes are 0x hex of 32 bytes. */
export interface SessionAnchor {
  /** `anchorSessionId` or `ownedSessionId` of the session's UUID. */
  readonly sessionId: string;
  readonly manifestHash: string;
  /** Milliseconds since 1970 (UTC). */
  readonly startedAt: number;
  readonly owner: string;
  readonly merkleRoot: string;
  readonly chunkCount: number;
}

/** What the contract keeps of a session; its storage slots are read by `@lucid/common/formats/anchor-layout`. */
export interface AnchorRecord extends Omit<SessionAnchor, 'sessionId'> {
  /** Time of the registering block: seconds since 1970 (UTC). */
  readonly anchoredAt: number;
  readonly anchoredBlock: number;
}

/** The id under which anchorers register a session: the UUID's 16 bytes, then 16 zero bytes. */
export function anchorSessionId(uuid: string): string {
  return `0x${uuidHex(uuid)}${'00'.repeat(16)}`;
}

/** The id under which an owner registers its own session by signature: the UUID's bytes, then its address's low 16. */
export function ownedSessionId(uuid: string, owner: string): string {
  return `0x${uuidHex(uuid)}${getAddress(owner).slice(-32).toLowerCase()}`;
}

export function encodeRegisterSession(anchor: SessionAnchor): string {
  return anchors.encodeFunctionData('registerSession', registrationArgs(anchor));
}

/** @param signature The owner's over `registerSessionTypedData`. */
export function encodeRegisterSessionBySignature(anchor: SessionAnchor, signature: string): string {
  return anchors.encodeFunctionData('registerSessionBySignature', [...registrationArgs(anchor), signature]);
}

/** @param originHash SHA-256 of the checkpoint's origin line. */
export function encodeAnchorCheckpoint(originHash: string, treeSize: number, rootHash: string): string {
  return anchors.encodeFunctionData('anchorCheckpoint', [originHash, treeSize, rootHash]);
}

/** The owner's EIP-712 message, ready for `signTypedData` of a wallet. */
export function registerSessionTypedData(chainId: number, anchor: SessionAnchor) {
  const types: Record<string, TypedDataField[]> = {
    RegisterSession: [
      { name: 'sessionId', type: 'bytes32' },
      { name: 'manifestHash', type: 'bytes32' },
      { name: 'startedAt', type: 'uint64' },
      { name: 'owner', type: 'address' },
      { name: 'merkleRoot', type: 'bytes32' },
      { name: 'chunkCount', type: 'uint32' },
    ],
  };
  const domain = { name: 'LucidAnchors', version: '1', chainId, verifyingContract: contractAddresses.LucidAnchors };
  return { domain, types, message: { ...anchor } };
}

/** Decodes a `SessionRegistered` log; undefined for other events. `startedAt` is in storage, not in the event. */
export function findSessionRegistered(log: Pick<Log, 'topics' | 'data'>): Omit<SessionAnchor, 'startedAt'> | undefined {
  const event = anchors.parseLog(log);
  if (event?.name !== 'SessionRegistered') return undefined;
  const [sessionId, manifestHash, owner, merkleRoot, chunkCount] = event.args;
  return { sessionId, manifestHash, owner, merkleRoot, chunkCount: Number(chunkCount) };
}

/** Decodes the answer of `getSession(bytes32)`. */
export function decodeGetSession(data: string): AnchorRecord {
  const [session] = anchors.decodeFunctionResult('getSession', data);
  return {
    manifestHash: session.manifestHash,
    merkleRoot: session.merkleRoot,
    owner: session.owner,
    startedAt: Number(session.startedAt),
    chunkCount: Number(session.chunkCount),
    anchoredAt: Number(session.anchoredAt),
    anchoredBlock: Number(session.anchoredBlock),
  };
}

function registrationArgs(anchor: SessionAnchor): unknown[] {
  const { sessionId, manifestHash, startedAt, owner, merkleRoot, chunkCount } = anchor;
  return [sessionId, manifestHash, startedAt, owner, merkleRoot, chunkCount];
}

function uuidHex(uuid: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) throw new RangeError('Not a UUID.');
  return hexlify(`0x${uuid.replaceAll('-', '')}`).slice(2);
}
