/**
 * A synchronous Merkle-Patricia trie with deferred hashing: writes change nodes in memory, and one `commit` per block
 * hashes each changed node once. Nodes come from a content-addressed store on demand.
 */
import { concat, equalBytes } from '../bytes.ts';
import { EMPTY_ROOT, keccak256 } from '../crypto.ts';
import { decodeRlp, encodeRlp, type RlpItem, rlpList } from '../rlp.ts';
import { commonLength, encodePath, pathAt, toNibbles } from './nibbles.ts';
import {
  type BranchNode,
  branch,
  type Child,
  type ExtensionNode,
  extension,
  isNode,
  type LeafNode,
  leaf,
  type NodeRef,
  nodeOf,
  type TrieNode,
} from './nodes.ts';

/** Where nodes are read from, by hash. Synchronous: the EVM reads state in the middle of an opcode. */
export type NodeSource = { getNode(hash: Uint8Array): Uint8Array | undefined };
/** A node made by a commit: its hash and its RLP. */
export type NewNode = { hash: Uint8Array; bytes: Uint8Array };

const NOTHING = new Uint8Array(0);
const NO_NODES: NodeSource = { getNode: () => undefined };

/** A node that the root commits to is not in the store: the database is damaged or pruned. */
export class MissingNodeError extends Error {
  override readonly name = 'MissingNodeError';
}

/** One trie at one root. Not safe for interleaved use: every method runs to its end. */
export class Trie {
  readonly #source: NodeSource;
  #root: Child;
  #loaded = 0;

  constructor(source: NodeSource = NO_NODES, root: Uint8Array = EMPTY_ROOT) {
    this.#source = source;
    this.#root = equalBytes(root, EMPTY_ROOT) ? null : root;
  }

  /** How many nodes were read or made since the trie was opened or `forget` was called: what it holds in memory. */
  get residentCount(): number {
    return this.#loaded;
  }

  /** The value under a key. */
  get(key: Uint8Array): Uint8Array | undefined {
    const path = toNibbles(key);
    let at = 0;
    let child = this.#root;
    for (;;) {
      if (child === null) return undefined;
      const node: TrieNode = this.#load(child);
      if (node.kind === 'branch') {
        if (at === path.length) return node.value ?? undefined;
        child = this.#loadChild(node, path[at++]!);
        continue;
      }
      if (!pathAt(node.path, path, at)) return undefined;
      at += node.path.length;
      if (node.kind === 'leaf') return at === path.length ? node.value : undefined;
      const next = this.#load(node.child);
      node.child = next;
      child = next;
    }
  }

  /** Sets a value; it must not be empty. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#root = this.#insert(this.#root, toNibbles(key), 0, value);
  }

  /** Removes a key, if it is there. */
  delete(key: Uint8Array): void {
    this.#root = this.#remove(this.#root, toNibbles(key), 0);
  }

  /** Hashes what changed, appends the new nodes to `out` and returns the root. */
  commit(out: NewNode[] = []): Uint8Array {
    if (this.#root === null) return EMPTY_ROOT;
    const ref = this.#refOf(this.#root, out);
    if (!Array.isArray(ref)) return ref;
    const bytes = encodeRlp(ref);
    const hash = keccak256(bytes);
    out.push({ hash, bytes });
    return hash;
  }

  /** Drops the nodes in memory after a commit; they are read again when needed. */
  forget(root: Uint8Array): void {
    this.#root = equalBytes(root, EMPTY_ROOT) ? null : root;
    this.#loaded = 0;
  }

  /** The nodes from the root towards a key: proof of its value, or of its absence (EIP-1186). */
  prove(key: Uint8Array): Uint8Array[] {
    const path = toNibbles(key);
    const proof: Uint8Array[] = [];
    let at = 0;
    let child = this.#root;
    while (child !== null) {
      const node = this.#load(child);
      const bytes = encodeRlp(this.#rawOf(node, []));
      if (proof.length === 0 || bytes.length >= 32) proof.push(bytes);
      if (node.kind === 'branch') {
        child = at === path.length ? null : node.children[path[at++]!]!;
        continue;
      }
      if (node.kind === 'leaf' || !pathAt(node.path, path, at)) break;
      at += node.path.length;
      child = node.child;
    }
    return proof;
  }

  #load(child: Exclude<Child, null>): TrieNode {
    if (isNode(child)) return child;
    this.#loaded++;
    if (Array.isArray(child)) return nodeOf(child, child);
    const bytes = this.#source.getNode(child);
    if (bytes === undefined) throw new MissingNodeError(Buffer.from(child).toString('hex'));
    return nodeOf(rlpList(decodeRlp(bytes)), child);
  }

  #loadChild(node: BranchNode, index: number): TrieNode | null {
    const child = node.children[index]!;
    if (child === null || isNode(child)) return child;
    const loaded = this.#load(child);
    node.children[index] = loaded;
    return loaded;
  }

  #insert(child: Child, path: Uint8Array, at: number, value: Uint8Array): TrieNode {
    if (child === null) {
      this.#loaded++;
      return leaf(path.slice(at), value);
    }
    const node = this.#load(child);
    if (node.kind === 'branch') {
      if (at === path.length) node.value = value;
      else node.children[path[at]!] = this.#insert(node.children[path[at]!]!, path, at + 1, value);
      node.ref = null;
      return node;
    }
    const shared = commonLength(node.path, path, at);
    if (shared < node.path.length) return this.#split(node, shared, path, at, value);
    if (node.kind === 'extension') {
      node.child = this.#insert(node.child, path, at + shared, value);
      node.ref = null;
      return node;
    }
    if (at + shared < path.length) return this.#split(node, shared, path, at, value);
    node.value = value;
    node.ref = null;
    return node;
  }

  /** Puts a branch where `node`'s path and the new key part. */
  #split(node: LeafNode | ExtensionNode, shared: number, path: Uint8Array, at: number, value: Uint8Array): TrieNode {
    this.#loaded += 2;
    const fork = branch();
    const rest = node.path.slice(shared + 1);
    if (shared === node.path.length) fork.value = node.kind === 'leaf' ? node.value : null;
    else if (node.kind === 'leaf') fork.children[node.path[shared]!] = leaf(rest, node.value);
    else fork.children[node.path[shared]!] = rest.length === 0 ? node.child : extension(rest, node.child);
    if (at + shared === path.length) fork.value = value;
    else fork.children[path[at + shared]!] = leaf(path.slice(at + shared + 1), value);
    return shared === 0 ? fork : extension(path.slice(at, at + shared), fork);
  }

  #remove(child: Child, path: Uint8Array, at: number): Child {
    if (child === null) return null;
    const node = this.#load(child);
    if (node.kind === 'leaf') {
      return pathAt(node.path, path, at) && node.path.length === path.length - at ? null : node;
    }
    if (node.kind === 'extension') {
      if (!pathAt(node.path, path, at)) return node;
      const rest = this.#remove(node.child, path, at + node.path.length);
      node.ref = null;
      return rest === null ? null : this.#join(node.path, rest);
    }
    node.ref = null;
    if (at === path.length) node.value = null;
    else node.children[path[at]!] = this.#remove(node.children[path[at]!]!, path, at + 1);
    return this.#collapse(node);
  }

  /** A branch with fewer than two ways on is none. */
  #collapse(node: BranchNode): Child {
    const used = node.children.flatMap((child, index) => (child === null ? [] : [index]));
    if (used.length === 0) return node.value === null ? null : leaf(NOTHING, node.value);
    if (used.length > 1 || node.value !== null) return node;
    const index = used[0]!;
    return this.#join(Uint8Array.of(index), node.children[index]!);
  }

  /** `path` above `child`, with two stretches of path made one. */
  #join(path: Uint8Array, child: Child): TrieNode {
    const node = this.#load(child!);
    if (node.kind === 'leaf') return leaf(concat(path, node.path), node.value);
    if (node.kind === 'extension') return extension(concat(path, node.path), node.child);
    return extension(path, node);
  }

  #rawOf(node: TrieNode, out: NewNode[]): RlpItem[] {
    if (node.kind === 'leaf') return [encodePath(node.path, true), node.value];
    if (node.kind === 'extension') return [encodePath(node.path, false), this.#refOf(node.child, out)];
    const raw: RlpItem[] = node.children.map((child) => (child === null ? NOTHING : this.#refOf(child, out)));
    raw.push(node.value ?? NOTHING);
    return raw;
  }

  #refOf(child: Exclude<Child, null>, out: NewNode[]): NodeRef {
    if (!isNode(child)) return child;
    if (child.ref !== null) return child.ref;
    const raw = this.#rawOf(child, out);
    const bytes = encodeRlp(raw);
    if (bytes.length < 32) {
      child.ref = raw;
      return raw;
    }
    const hash = keccak256(bytes);
    out.push({ hash, bytes });
    child.ref = hash;
    return hash;
  }
}

/** The root of an ordered list (transactions, receipts): item i under the key rlp(i). */
export function orderedRoot(items: readonly Uint8Array[]): Uint8Array {
  const trie = new Trie();
  items.forEach((item, index) => trie.put(encodeRlp(indexKey(index)), item));
  return trie.commit();
}

function indexKey(index: number): Uint8Array {
  if (index === 0) return NOTHING;
  return index < 256 ? Uint8Array.of(index) : Uint8Array.of(index >> 8, index & 0xff);
}
