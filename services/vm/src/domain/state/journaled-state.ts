/**
 * The chain's state as the EVM sees it: flat maps with an undo journal over the state trie. Reads go map → trie → node
 * source; writes touch the maps alone, and `seal` hashes what changed once per block. Everything is synchronous below
 * the interface's promises.
 */
import assert from 'node:assert/strict';
import type { AccountFields, Proof, StateManagerInterface } from '@ethereumjs/common';
import { Account, type Address } from '@ethereumjs/util';
import { equalBytes, fromHex, keyOf, toHex, toQuantity } from '../bytes.ts';
import { EMPTY_CODE_HASH, EMPTY_ROOT, keccak256 } from '../crypto.ts';
import { type NewNode, type NodeSource, Trie } from '../trie/trie.ts';
import { type AccountRecord, BLANK_ACCOUNT, decodeAccount, encodeAccount } from './account.ts';
import { AccountStorage, slotName, slotValue } from './storage.ts';

/** Where state is read from: trie nodes and contract code, both by hash. */
export type StateSource = NodeSource & { getCode(codeHash: Uint8Array): Uint8Array | undefined };
/** What a seal made: to be written before the root is relied on. */
export type SealedState = { root: Uint8Array; nodes: NewNode[]; codes: NewNode[] };
/** How much may stay in memory between blocks: accounts, and storage values and trie nodes. */
export type StateLimits = { accountsMax: number; residentMax: number };

type Undo =
  | { kind: 'account'; address: string; before: AccountRecord | null | undefined }
  | { kind: 'slot'; storage: AccountStorage; slot: string; before: Uint8Array }
  | { kind: 'storage'; address: string; before: AccountStorage };

const DEFAULT_LIMITS: StateLimits = { accountsMax: 10_000, residentMax: 20_000 };
const NO_CODE = new Uint8Array(0);

/** One state at one root. A single writer: interleaved checkpoints of two executions would mix. */
export class JournaledState implements StateManagerInterface {
  readonly #source: StateSource;
  readonly #limits: StateLimits;
  readonly #accounts = new Map<string, AccountRecord | null>();
  readonly #storages = new Map<string, AccountStorage>();
  readonly #codes = new Map<string, Uint8Array>();
  readonly #newCodes = new Map<string, Uint8Array>();
  readonly #dirty = new Set<string>();
  readonly #originals = new Map<string, Uint8Array>();
  readonly #marks: number[] = [];
  #journal: Undo[] = [];
  #root: Uint8Array;
  #trie: Trie;

  constructor(source: StateSource, root: Uint8Array = EMPTY_ROOT, limits: StateLimits = DEFAULT_LIMITS) {
    this.#source = source;
    this.#limits = limits;
    this.#root = root;
    this.#trie = new Trie(source, root);
  }

  /** The root of the last seal or reset. */
  get root(): Uint8Array {
    return this.#root;
  }

  /** The account, or undefined where there is none. Synchronous form of `getAccount`. */
  findAccount(address: Uint8Array): AccountRecord | undefined {
    return this.#account(keyOf(address)) ?? undefined;
  }

  async getAccount(address: Address): Promise<Account | undefined> {
    const record = this.#account(keyOf(address.bytes));
    if (record === null) return undefined;
    return new Account(record.nonce, record.balance, record.storageRoot, record.codeHash);
  }

  /** Sets nonce and balance. Code changes by `putCode` and storage by its slots alone: the rest is kept. */
  async putAccount(address: Address, account?: Account): Promise<void> {
    if (account === undefined) return this.deleteAccount(address);
    const key = keyOf(address.bytes);
    const before = this.#account(key) ?? BLANK_ACCOUNT;
    this.#setAccount(key, { ...before, nonce: account.nonce, balance: account.balance });
  }

  async deleteAccount(address: Address): Promise<void> {
    await this.clearStorage(address);
    this.#setAccount(keyOf(address.bytes), null);
  }

  async modifyAccountFields(address: Address, fields: AccountFields): Promise<void> {
    const key = keyOf(address.bytes);
    const before = this.#account(key) ?? BLANK_ACCOUNT;
    const { nonce = before.nonce, balance = before.balance } = fields;
    this.#setAccount(key, { ...before, nonce: nonce ?? 0n, balance: balance ?? 0n });
  }

  async putCode(address: Address, code: Uint8Array): Promise<void> {
    const codeHash = code.length === 0 ? EMPTY_CODE_HASH : keccak256(code);
    if (code.length > 0) this.#newCodes.set(keyOf(codeHash), code);
    const key = keyOf(address.bytes);
    this.#setAccount(key, { ...(this.#account(key) ?? BLANK_ACCOUNT), codeHash });
  }

  async getCode(address: Address): Promise<Uint8Array> {
    return this.readCode(address.bytes);
  }

  /** The code of an account; empty where there is none. Synchronous form of `getCode`. */
  readCode(address: Uint8Array): Uint8Array {
    const record = this.#account(keyOf(address));
    if (record === null || equalBytes(record.codeHash, EMPTY_CODE_HASH)) return NO_CODE;
    const name = keyOf(record.codeHash);
    const known = this.#newCodes.get(name) ?? this.#codes.get(name);
    if (known !== undefined) return known;
    const code = this.#source.getCode(record.codeHash);
    assert(code !== undefined, `code ${name} is not in the store`);
    this.#codes.set(name, code);
    return code;
  }

  async getCodeSize(address: Address): Promise<number> {
    return this.readCode(address.bytes).length;
  }

  async getStorage(address: Address, key: Uint8Array): Promise<Uint8Array> {
    return this.readSlot(address.bytes, key);
  }

  /** A slot's value without leading zeros. Synchronous form of `getStorage`. */
  readSlot(address: Uint8Array, key: Uint8Array): Uint8Array {
    return this.#storage(keyOf(address)).get(slotName(key));
  }

  async putStorage(address: Address, key: Uint8Array, value: Uint8Array): Promise<void> {
    const owner = keyOf(address.bytes);
    const slot = slotName(key);
    const storage = this.#storage(owner);
    const before = storage.get(slot);
    const original = owner + slot;
    if (!this.#originals.has(original)) this.#originals.set(original, before);
    this.#journal.push({ kind: 'slot', storage, slot, before });
    storage.set(slot, slotValue(value));
    this.#dirty.add(owner);
  }

  async clearStorage(address: Address): Promise<void> {
    const key = keyOf(address.bytes);
    const before = this.#storage(key);
    this.#journal.push({ kind: 'storage', address: key, before });
    this.#storages.set(key, new AccountStorage(this.#source));
    this.#dirty.add(key);
  }

  /** Values as they were when the transaction began (EIP-2200); cleared by the engine after each one. */
  readonly originalStorageCache = {
    get: async (address: Address, key: Uint8Array): Promise<Uint8Array> =>
      this.#originals.get(keyOf(address.bytes) + slotName(key)) ?? this.readSlot(address.bytes, key),
    clear: (): void => this.#originals.clear(),
  };

  async checkpoint(): Promise<void> {
    this.#marks.push(this.#journal.length);
  }

  async commit(): Promise<void> {
    assert(this.#marks.pop() !== undefined, 'commit without a checkpoint');
    if (this.#marks.length === 0) this.#journal = [];
  }

  async revert(): Promise<void> {
    const mark = this.#marks.pop();
    assert(mark !== undefined, 'revert without a checkpoint');
    for (let i = this.#journal.length - 1; i >= mark; i--) this.#undo(this.#journal[i]!);
    this.#journal.length = mark;
  }

  /** Hashes what changed since the last seal. Outside of any checkpoint. */
  seal(): SealedState {
    assert.equal(this.#marks.length, 0, 'seal inside a checkpoint');
    const nodes: NewNode[] = [];
    for (const key of this.#dirty) this.#sealAccount(key, nodes);
    this.#dirty.clear();
    this.#journal = [];
    this.#root = this.#trie.commit(nodes);
    const codes = [...this.#newCodes].map(([name, bytes]) => ({ hash: fromHex(name), bytes }));
    for (const [name, code] of this.#newCodes) this.#codes.set(name, code);
    this.#newCodes.clear();
    this.#trim();
    return { root: this.#root, nodes, codes };
  }

  /** After a revert of everything since the last seal: lets go of what the reverted work left in memory. */
  discard(): void {
    assert.equal(this.#marks.length, 0, 'discard inside a checkpoint');
    for (const key of this.#dirty) {
      this.#storages.delete(key);
      this.#accounts.delete(key);
    }
    this.#dirty.clear();
    this.#newCodes.clear();
    this.#originals.clear();
    this.#journal = [];
    this.#trim();
  }

  /** Drops everything not sealed and continues from `root`. */
  reset(root: Uint8Array): void {
    this.#root = root;
    this.#trie = new Trie(this.#source, root);
    this.#accounts.clear();
    this.#storages.clear();
    this.#newCodes.clear();
    this.#dirty.clear();
    this.#originals.clear();
    this.#marks.length = 0;
    this.#journal = [];
  }

  async getStateRoot(): Promise<Uint8Array> {
    return this.#root;
  }

  async setStateRoot(root: Uint8Array): Promise<void> {
    this.reset(root);
  }

  async hasStateRoot(root: Uint8Array): Promise<boolean> {
    return equalBytes(root, EMPTY_ROOT) || this.#source.getNode(root) !== undefined;
  }

  /** Proof of an account and of slots of it at `root` (EIP-1186). Only when nothing is unsealed. */
  prove(address: Uint8Array, slots: readonly Uint8Array[]): Proof {
    assert.equal(this.#dirty.size, 0, 'a proof is of a sealed state');
    const key = keyOf(address);
    const record = this.#account(key) ?? BLANK_ACCOUNT;
    const storage = this.#storage(key);
    return {
      address: toHex(address),
      balance: toQuantity(record.balance),
      codeHash: toHex(record.codeHash),
      nonce: toQuantity(record.nonce),
      storageHash: toHex(record.storageRoot),
      accountProof: this.#trie.prove(keccak256(address)).map(toHex),
      storageProof: slots.map((slot) => ({
        key: toHex(slot),
        value: toQuantity(BigInt(`0x${keyOf(storage.get(slotName(slot))) || '0'}`)),
        proof: equalBytes(record.storageRoot, EMPTY_ROOT) ? [] : storage.prove(slotName(slot)).map(toHex),
      })),
    };
  }

  clearCaches(): void {
    assert.equal(this.#dirty.size, 0, 'caches hold what is not sealed yet');
    this.reset(this.#root);
  }

  shallowCopy(): JournaledState {
    return new JournaledState(this.#source, this.#root, this.#limits);
  }

  #account(key: string): AccountRecord | null {
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    const stored = this.#trie.get(keccak256(fromHex(key)));
    const record = stored === undefined ? null : decodeAccount(stored);
    this.#accounts.set(key, record);
    return record;
  }

  #setAccount(key: string, record: AccountRecord | null): void {
    this.#journal.push({ kind: 'account', address: key, before: this.#accounts.get(key) });
    this.#accounts.set(key, record);
    this.#dirty.add(key);
  }

  #storage(key: string): AccountStorage {
    const known = this.#storages.get(key);
    if (known !== undefined) return known;
    const storage = new AccountStorage(this.#source, this.#account(key)?.storageRoot);
    this.#storages.set(key, storage);
    return storage;
  }

  #undo(entry: Undo): void {
    if (entry.kind === 'slot') entry.storage.set(entry.slot, entry.before);
    else if (entry.kind === 'storage') this.#storages.set(entry.address, entry.before);
    else if (entry.before === undefined) this.#accounts.delete(entry.address);
    else this.#accounts.set(entry.address, entry.before);
  }

  #sealAccount(key: string, nodes: NewNode[]): void {
    const record = this.#account(key);
    const hashed = keccak256(fromHex(key));
    const storageRoot = this.#storages.get(key)?.seal(nodes);
    if (record === null) {
      this.#trie.delete(hashed);
      return;
    }
    const sealed = storageRoot === undefined ? record : { ...record, storageRoot };
    this.#accounts.set(key, sealed);
    this.#trie.put(hashed, encodeAccount(sealed));
  }

  /** Keeps memory bounded: after a seal everything can be read again. */
  #trim(): void {
    let resident = this.#trie.residentCount + this.#storages.size;
    for (const storage of this.#storages.values()) resident += storage.residentCount;
    if (resident > this.#limits.residentMax) {
      this.#trie.forget(this.#root);
      this.#storages.clear();
    }
    if (this.#accounts.size > this.#limits.accountsMax) this.#accounts.clear();
    if (this.#codes.size > 512) this.#codes.clear();
  }
}
