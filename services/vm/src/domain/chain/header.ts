/** A block's header (Yellow Paper 4.3 with EIP-1559, 4399, 4895, 4844, 4788 and 7685) and its RLP form. */
import { bigToBytes, bytesToBig } from '../bytes.ts';
import { EMPTY_LIST_HASH, EMPTY_ROOT, keccak256 } from '../crypto.ts';
import { decodeRlp, encodeRlp, RlpError, rlpBytes, rlpList } from '../rlp.ts';

export type Header = {
  readonly parentHash: Uint8Array;
  readonly coinbase: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly transactionsRoot: Uint8Array;
  readonly receiptsRoot: Uint8Array;
  readonly logsBloom: Uint8Array;
  readonly number: bigint;
  readonly gasLimit: bigint;
  readonly gasUsed: bigint;
  /** Seconds since 1970; never less than the parent's, and the same where several blocks fall into a second. */
  readonly timestamp: bigint;
  readonly extraData: Uint8Array;
  /** EIP-4399. Here the parent's hash: deterministic, and not a source of randomness. */
  readonly prevRandao: Uint8Array;
  readonly baseFeePerGas: bigint;
};

/** A header before its block was run. */
export type OpenHeader = Omit<Header, 'stateRoot' | 'transactionsRoot' | 'receiptsRoot' | 'logsBloom' | 'gasUsed'>;

/** sha256(''): no execution-layer requests (EIP-7685), since no validators hang on this chain. */
export const NO_REQUESTS_HASH = Uint8Array.from(
  Buffer.from('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'hex'),
);
/** The header's `nonce` since the merge. */
export const ZERO_NONCE = new Uint8Array(8);
/** No beacon chain: the root of EIP-4788 is zero. */
export const ZERO_HASH = new Uint8Array(32);

const FIELD_COUNT = 21;

/** The header's RLP. */
export function encodeHeader(header: Header): Uint8Array {
  return encodeRlp([
    header.parentHash,
    EMPTY_LIST_HASH,
    header.coinbase,
    header.stateRoot,
    header.transactionsRoot,
    header.receiptsRoot,
    header.logsBloom,
    bigToBytes(0n),
    bigToBytes(header.number),
    bigToBytes(header.gasLimit),
    bigToBytes(header.gasUsed),
    bigToBytes(header.timestamp),
    header.extraData,
    header.prevRandao,
    ZERO_NONCE,
    bigToBytes(header.baseFeePerGas),
    EMPTY_ROOT,
    bigToBytes(0n),
    bigToBytes(0n),
    ZERO_HASH,
    NO_REQUESTS_HASH,
  ]);
}

/** Reverses `encodeHeader`. @throws RlpError */
export function decodeHeader(bytes: Uint8Array): Header {
  const fields = rlpList(decodeRlp(bytes));
  if (fields.length !== FIELD_COUNT) throw new RlpError(`a header has ${FIELD_COUNT} fields`);
  const at = (index: number): Uint8Array => rlpBytes(fields[index]);
  return {
    parentHash: at(0),
    coinbase: at(2),
    stateRoot: at(3),
    transactionsRoot: at(4),
    receiptsRoot: at(5),
    logsBloom: at(6),
    number: bytesToBig(at(8)),
    gasLimit: bytesToBig(at(9)),
    gasUsed: bytesToBig(at(10)),
    timestamp: bytesToBig(at(11)),
    extraData: at(12),
    prevRandao: at(13),
    baseFeePerGas: bytesToBig(at(15)),
  };
}

/** The block's hash. */
export function headerHash(header: Header): Uint8Array {
  return keccak256(encodeHeader(header));
}
