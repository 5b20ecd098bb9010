import { toHex0x } from './bytes.ts';
import { keccak256 } from './keccak256.ts';
import type { BlockEntry } from './ledger-entries.ts';
import { malformed } from './malformed.ts';
import { decodeRlp, requireBytes, requireInteger, requireList } from './rlp.ts';

/** The members of an Ethereum block header that proofs use; the hash covers all of it. */
export interface BlockHeader {
  readonly blockHash: Uint8Array;
  readonly parentHash: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly blockNumber: number;
  /** Seconds since 1970 (UTC). */
  readonly timestamp: number;
}

/** A header has 15 members since Frontier and gained some with every fork; Osaka's has 21. */
const MEMBERS_MIN = 15;
const MEMBERS_MAX = 32;
/** The year 9999: past it no date can be written. */
const TIMESTAMP_MAX = 253_402_300_799;

/** Parses an RLP-encoded header (yellow paper 4.3); `RLP_MALFORMED` when it is none. */
export function parseBlockHeader(rlp: Uint8Array): BlockHeader {
  const members = requireList(decodeRlp(rlp), MEMBERS_MIN, MEMBERS_MAX);
  const timestamp = requireInteger(members[11]);
  if (timestamp > TIMESTAMP_MAX) throw malformed('RLP_MALFORMED', 'the block is of after the year 9999');
  return {
    blockHash: keccak256(rlp),
    parentHash: requireBytes(members[0], 32),
    stateRoot: requireBytes(members[3], 32),
    blockNumber: requireInteger(members[8]),
    timestamp,
  };
}

/** The ledger's entry of a block: computed from its header alone, so nobody's word is needed for it. */
export function createBlockEntry(chainId: number, header: BlockHeader): BlockEntry {
  return {
    type: 'lucid/block@1',
    chainId,
    number: header.blockNumber,
    hash: toHex0x(header.blockHash),
    parentHash: toHex0x(header.parentHash),
    stateRoot: toHex0x(header.stateRoot),
    timestamp: header.timestamp,
  };
}
