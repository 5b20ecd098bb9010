/** An account as the state trie holds it (Yellow Paper, 4.1): rlp([nonce, balance, storageRoot, codeHash]). */
import { bigToBytes, bytesToBig } from '../bytes.ts';
import { EMPTY_CODE_HASH, EMPTY_ROOT } from '../crypto.ts';
import { decodeRlp, encodeRlp, rlpBytes, rlpList } from '../rlp.ts';

/** Never changed in place: a write makes a new one, so the journal can keep the old. */
export type AccountRecord = {
  readonly nonce: bigint;
  /** Wei. */
  readonly balance: bigint;
  readonly storageRoot: Uint8Array;
  readonly codeHash: Uint8Array;
};

/** An account nobody has touched yet. */
export const BLANK_ACCOUNT: AccountRecord = {
  nonce: 0n,
  balance: 0n,
  storageRoot: EMPTY_ROOT,
  codeHash: EMPTY_CODE_HASH,
};

/** The account's leaf value. */
export function encodeAccount(account: AccountRecord): Uint8Array {
  return encodeRlp([bigToBytes(account.nonce), bigToBytes(account.balance), account.storageRoot, account.codeHash]);
}

/** Reverses `encodeAccount`. @throws RlpError */
export function decodeAccount(bytes: Uint8Array): AccountRecord {
  const fields = rlpList(decodeRlp(bytes));
  return {
    nonce: bytesToBig(rlpBytes(fields[0])),
    balance: bytesToBig(rlpBytes(fields[1])),
    storageRoot: rlpBytes(fields[2]).slice(),
    codeHash: rlpBytes(fields[3]).slice(),
  };
}
