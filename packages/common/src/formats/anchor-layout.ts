import { concatBytes, parseHex0x, readUint64be, toHex, toHex0x } from './bytes.ts';
import { sessionIdToBytes32 } from './ids.ts';
import { keccak256 } from './keccak256.ts';
import { malformed } from './malformed.ts';

/** Where and how the LucidAnchors contract stores a session: its `_sessions` mapping is at slot 0. */
export interface AnchorRecord {
  readonly manifestHash: string;
  readonly merkleRoot: string;
  readonly chunkCount: number;
  /** Milliseconds since 1970 (UTC). */
  readonly startedAt: number;
  /** 0x and lower-case hex. */
  readonly owner: string;
  readonly anchoredBlock: number;
  /** Seconds since 1970 (UTC). */
  readonly anchoredAt: number;
}

export const ANCHOR_SLOT_COUNT = 4;
const SESSIONS_SLOT = new Uint8Array(32);

/** The four storage keys of a session's anchor, 0x and hex: keccak256(sessionId ‖ slot 0) and the three after it. */
export function anchorSlots(sessionId: string): string[] {
  const base = BigInt(toHex0x(keccak256(concatBytes(parseHex0x(sessionIdToBytes32(sessionId), 32), SESSIONS_SLOT))));
  return Array.from({ length: ANCHOR_SLOT_COUNT }, (_, offset) => {
    return `0x${BigInt.asUintN(256, base + BigInt(offset))
      .toString(16)
      .padStart(64, '0')}`;
  });
}

/** Reads the four slots' 32-byte values; `ANCHOR_RECORD_INVALID` when they are no registered session. */
export function parseAnchorSlots(values: readonly Uint8Array[]): AnchorRecord {
  const [manifestHash, merkleRoot, packed, block] = values;
  if (values.length !== ANCHOR_SLOT_COUNT || !manifestHash || !merkleRoot || !packed || !block) {
    throw malformed('ANCHOR_RECORD_INVALID', 'an anchor is four slots');
  }
  if (values.some((value) => value.length !== 32) || block.subarray(0, 16).some((byte) => byte !== 0)) {
    throw malformed('ANCHOR_RECORD_INVALID', 'a slot is not as the contract packs it');
  }
  const record = {
    manifestHash: toHex(manifestHash),
    merkleRoot: toHex(merkleRoot),
    chunkCount: new DataView(packed.buffer, packed.byteOffset).getUint32(0),
    startedAt: readUint64be(packed, 4),
    owner: toHex0x(packed.subarray(12)),
    anchoredBlock: readUint64be(block, 16),
    anchoredAt: readUint64be(block, 24),
  };
  if (/^0x0+$/u.test(record.owner)) throw malformed('ANCHOR_RECORD_INVALID', 'the session is not registered');
  return record;
}
