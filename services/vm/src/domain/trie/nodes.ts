/** The nodes of a Merkle-Patricia trie (Yellow Paper, appendix D) and their RLP form. */
import { type RlpItem, rlpBytes } from '../rlp.ts';
import { decodePath } from './nibbles.ts';

/** How a parent names a child: a 32-byte hash, or the child itself where its RLP is shorter than that. */
export type NodeRef = RlpItem;
/** A child slot: empty, not yet loaded, or in memory. */
export type Child = null | NodeRef | TrieNode;

/** A value at the end of a path. `ref` is null while the node has changes that are not hashed. */
export type LeafNode = { kind: 'leaf'; path: Uint8Array; value: Uint8Array; ref: NodeRef | null };
/** A shared stretch of path above a branch. */
export type ExtensionNode = { kind: 'extension'; path: Uint8Array; child: Exclude<Child, null>; ref: NodeRef | null };
/** Sixteen ways on, and a value for a key that ends here. */
export type BranchNode = { kind: 'branch'; children: Child[]; value: Uint8Array | null; ref: NodeRef | null };
export type TrieNode = LeafNode | ExtensionNode | BranchNode;

/** A new leaf, not yet hashed. */
export function leaf(path: Uint8Array, value: Uint8Array): LeafNode {
  return { kind: 'leaf', path, value, ref: null };
}

/** A new extension, not yet hashed. */
export function extension(path: Uint8Array, child: Exclude<Child, null>): ExtensionNode {
  return { kind: 'extension', path, child, ref: null };
}

/** A new branch without children, not yet hashed. */
export function branch(): BranchNode {
  return { kind: 'branch', children: Array.from({ length: 16 }, () => null), value: null, ref: null };
}

function childOf(item: RlpItem | undefined): NodeRef | null {
  if (Array.isArray(item)) return item;
  const bytes = rlpBytes(item);
  return bytes.length === 0 ? null : bytes;
}

/** Builds the node of a decoded RLP list; `ref` is how its parent names it. */
export function nodeOf(raw: RlpItem[], ref: NodeRef): TrieNode {
  if (raw.length === 17) {
    const value = rlpBytes(raw[16]);
    const children = raw.slice(0, 16).map(childOf);
    return { kind: 'branch', children, value: value.length > 0 ? value : null, ref };
  }
  const { path, isLeaf } = decodePath(rlpBytes(raw[0]));
  if (isLeaf) return { kind: 'leaf', path, value: rlpBytes(raw[1]), ref };
  const child = childOf(raw[1]);
  if (child === null) throw new Error('extension without a child');
  return { kind: 'extension', path, child, ref };
}

/** Whether a child slot holds a node in memory. */
export function isNode(child: Child): child is TrieNode {
  return child !== null && !Array.isArray(child) && !(child instanceof Uint8Array);
}
