/** The storage of one account: values in memory over the trie they are sealed into. */
import { keyOf, trimLeft } from '../bytes.ts';
import { EMPTY_ROOT, keccak256 } from '../crypto.ts';
import { decodeRlp, encodeRlp, rlpBytes } from '../rlp.ts';
import { type NewNode, type NodeSource, Trie } from '../trie/trie.ts';

const ZERO = new Uint8Array(0);

/**
 * Slots are named by their 32-byte key in hex; values carry no leading zeros, and the empty value is zero. Clearing an
 * account's storage replaces the whole object, so that undoing it is putting the old one back.
 */
export class AccountStorage {
  readonly #source: NodeSource;
  readonly #values = new Map<string, Uint8Array>();
  readonly #dirty = new Set<string>();
  #trie: Trie | undefined;
  #root: Uint8Array;

  constructor(source: NodeSource, root: Uint8Array = EMPTY_ROOT) {
    this.#source = source;
    this.#root = root;
  }

  /** The root at the last seal. */
  get root(): Uint8Array {
    return this.#root;
  }

  /** Values and trie nodes held in memory. */
  get residentCount(): number {
    return this.#values.size + (this.#trie?.residentCount ?? 0);
  }

  /** The value of a slot. */
  get(slot: string): Uint8Array {
    const known = this.#values.get(slot);
    if (known !== undefined) return known;
    const stored = this.#open().get(slotKey(slot));
    const value = stored === undefined ? ZERO : rlpBytes(decodeRlp(stored)).slice();
    this.#values.set(slot, value);
    return value;
  }

  /** Sets a slot; the next seal writes it. */
  set(slot: string, value: Uint8Array): void {
    this.#values.set(slot, value);
    this.#dirty.add(slot);
  }

  /** Writes the changed slots into the trie, appends new nodes to `out` and returns the root. */
  seal(out: NewNode[]): Uint8Array {
    if (this.#dirty.size === 0) return this.#root;
    const trie = this.#open();
    for (const slot of this.#dirty) {
      const value = this.#values.get(slot) ?? ZERO;
      if (value.length === 0) trie.delete(slotKey(slot));
      else trie.put(slotKey(slot), encodeRlp(value));
    }
    this.#dirty.clear();
    this.#root = trie.commit(out);
    return this.#root;
  }

  /** Drops what can be read again. Only between a seal and the next write. */
  forget(): void {
    this.#values.clear();
    this.#trie = undefined;
  }

  /** Proof of a slot's value or absence against `root`. */
  prove(slot: string): Uint8Array[] {
    return this.#open().prove(slotKey(slot));
  }

  #open(): Trie {
    this.#trie ??= new Trie(this.#source, this.#root);
    return this.#trie;
  }
}

/** The map key of a slot. */
export function slotName(key: Uint8Array): string {
  return keyOf(key).padStart(64, '0');
}

/** A slot's value without leading zeros. */
export function slotValue(value: Uint8Array): Uint8Array {
  return trimLeft(value).slice();
}

function slotKey(slot: string): Uint8Array {
  return keccak256(Uint8Array.from(Buffer.from(slot, 'hex')));
}
