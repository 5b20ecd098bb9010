import { concatBytes, equalBytes } from './bytes.ts';
import { keccak256 } from './keccak256.ts';
import { malformed } from './malformed.ts';
import { decodeRlp, type RlpItem, requireBytes, requireInteger, requireList } from './rlp.ts';

/** An account as a state trie holds it. */
export interface ProvenAccount {
  readonly nonce: number;
  readonly storageRoot: Uint8Array;
  readonly codeHash: Uint8Array;
}

const NODES_MAX = 65;

function invalid(detail: string): Error {
  return malformed('STORAGE_PROOF_INVALID', detail);
}

/**
 * The value of a key in a Merkle Patricia trie (yellow paper, appendix D), or undefined when the proof shows
 * it is absent. `proof` is the nodes from the root down, none missing, none left over: `STORAGE_PROOF_INVALID`.
 */
export function verifyTrieProof(
  rootHash: Uint8Array,
  key: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  if (proof.length > NODES_MAX) throw invalid('the proof is longer than any path');
  let path = toNibbles(key);
  let expected: Uint8Array | undefined = rootHash;
  let value: Uint8Array | undefined;
  for (const node of proof) {
    if (expected === undefined) throw invalid('a node is left over');
    if (!equalBytes(keccak256(node), expected)) throw invalid('a node is not the one its parent names');
    let found = descend(decodeRlp(node), path);
    // A node shorter than a hash stands in its parent itself.
    while (found.child !== undefined && !(found.child instanceof Uint8Array)) found = descend(found.child, found.path);
    path = found.path;
    value = found.value;
    expected = found.child === undefined ? undefined : requireBytes(found.child, 32);
  }
  if (expected !== undefined && !isEmptyTrie(expected, proof)) throw invalid('the proof stops before its end');
  return value;
}

function isEmptyTrie(rootHash: Uint8Array, proof: readonly Uint8Array[]): boolean {
  return proof.length === 0 && equalBytes(rootHash, keccak256(Uint8Array.of(0x80)));
}

function toNibbles(key: Uint8Array): number[] {
  return Array.from(key).flatMap((byte) => [byte >>> 4, byte & 15]);
}

interface Step {
  readonly path: number[];
  readonly child?: RlpItem;
  readonly value?: Uint8Array;
}

/** One node down the path: to a child, to the value, or to neither, which proves absence. */
function descend(node: RlpItem, path: number[]): Step {
  const items = requireList(node, 2, 17);
  if (items.length === 17) return descendBranch(items, path);
  if (items.length !== 2) throw invalid('a node has neither 2 nor 17 items');
  const { isLeaf, nibbles } = decodeHexPrefix(requireBytes(items[0]));
  const matches = nibbles.every((nibble, position) => nibble === path[position]);
  const rest = path.slice(nibbles.length);
  if (isLeaf) return matches && rest.length === 0 ? { path: rest, value: requireBytes(items[1]) } : { path: rest };
  return matches ? { path: rest, child: requireChild(items[1]) } : { path: rest };
}

function descendBranch(items: readonly RlpItem[], [nibble, ...rest]: number[]): Step {
  if (nibble === undefined) throw invalid('a path ends in a branch, where keys are all of one length');
  const child = items[nibble];
  const isEmpty = child instanceof Uint8Array && child.length === 0;
  return isEmpty ? { path: rest } : { path: rest, child: requireChild(child) };
}

function requireChild(child: RlpItem | undefined): RlpItem {
  if (child === undefined) throw invalid('a node has no child where it should');
  return child instanceof Uint8Array ? requireBytes(child, 32) : child;
}

/** Hex-prefix encoding (yellow paper, appendix C). */
function decodeHexPrefix(bytes: Uint8Array): { isLeaf: boolean; nibbles: number[] } {
  const [flag = 255, padding = 255, ...rest] = toNibbles(bytes);
  if (flag > 3 || (flag % 2 === 0 && padding !== 0)) throw invalid('a path is malformed');
  return { isLeaf: flag >= 2, nibbles: flag % 2 === 1 ? [padding, ...rest] : rest };
}

/** An account under a state root, as `eth_getProof` proves it; `STORAGE_PROOF_INVALID` when absent or unproven. */
export function verifyAccountProof(
  stateRoot: Uint8Array,
  address: Uint8Array,
  proof: readonly Uint8Array[],
): ProvenAccount {
  if (address.length !== 20) throw invalid('an address is 20 bytes');
  const value = verifyTrieProof(stateRoot, keccak256(address), proof);
  if (value === undefined) throw invalid('the account does not exist');
  const members = requireList(decodeRlp(value), 4, 4);
  requireBytes(members[1]);
  return {
    nonce: requireInteger(members[0]),
    storageRoot: requireBytes(members[2], 32),
    codeHash: requireBytes(members[3], 32),
  };
}

/** The 32 bytes of a storage slot under an account's storage root, zero when absent. */
export function verifyStorageProof(
  storageRoot: Uint8Array,
  slot: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array {
  if (slot.length !== 32) throw invalid('a slot is 32 bytes');
  const value = verifyTrieProof(storageRoot, keccak256(slot), proof);
  if (value === undefined) return new Uint8Array(32);
  const digits = requireBytes(decodeRlp(value));
  if (digits.length === 0 || digits.length > 32 || digits[0] === 0) throw invalid('a slot\u2019s value is malformed');
  return concatBytes(new Uint8Array(32 - digits.length), digits);
}
