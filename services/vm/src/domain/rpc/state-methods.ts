/** Accounts, code and storage at any retained block, and proofs of them. */
import { bytesToBig, padLeft, toHex, toQuantity } from '../bytes.ts';
import type { ChainReader } from '../chain/block.ts';
import type { JournaledState } from '../state/journaled-state.ts';
import { getBlock } from './block-source.ts';
import type { RpcMethods } from './methods.ts';
import { parseAddress, parseBlockRef, parseList, parseSlot } from './params.ts';

/** Slots one proof may ask for. */
const PROOF_SLOTS_MAX = 1024;

/** Methods that read state; `stateAt` opens it at a root. */
export function stateMethods(reader: ChainReader, stateAt: (root: Uint8Array) => JournaledState): RpcMethods {
  const stateOf = (ref: unknown): JournaledState => stateAt(getBlock(reader, parseBlockRef(ref)).header.stateRoot);
  return {
    eth_getBalance: ([address, ref]) => {
      const account = parseAddress(address, 'address');
      return toQuantity(stateOf(ref).findAccount(account)?.balance ?? 0n);
    },
    eth_getCode: ([address, ref]) => {
      const account = parseAddress(address, 'address');
      return toHex(stateOf(ref).readCode(account));
    },
    eth_getStorageAt: ([address, slot, ref]) => {
      const account = parseAddress(address, 'address');
      const key = parseSlot(slot, 'slot');
      return toHex(padLeft(stateOf(ref).readSlot(account, key), 32));
    },
    eth_getProof: ([address, slots, ref]) => {
      const account = parseAddress(address, 'address');
      const keys = parseList(slots, 'storageKeys', PROOF_SLOTS_MAX);
      const proof = stateOf(ref).prove(
        account,
        keys.map((key) => parseSlot(key, 'storageKeys')),
      );
      const storageProof = proof.storageProof.map((entry, index) => ({ ...entry, key: echoKey(keys[index]) }));
      return { ...proof, storageProof };
    },
  };
}

/** A key comes back as it was asked for: 32 bytes as data, shorter ones as a quantity. */
function echoKey(key: unknown): string {
  const bytes = parseSlot(key, 'storageKeys');
  return typeof key === 'string' && key.length === 66 ? toHex(bytes) : toQuantity(bytesToBig(bytes));
}
