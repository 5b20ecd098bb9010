/**
 * `prestateTracer`: what an execution found of every account and slot it touched; with `diffMode`, what it changed.
 * Each is read just before the first instruction that touches it: nothing can have changed it by then.
 */
import type { EVMResult, InterpreterStep, Message } from '@ethereumjs/evm';
import { bigToBytes, concat, fromHex, keyOf, padLeft, toHex, toQuantity } from '../bytes.ts';
import { keccak256 } from '../crypto.ts';
import { encodeRlp } from '../rlp.ts';
import type { JournaledState } from '../state/journaled-state.ts';
import { opcodes, stackItem } from './opcodes.ts';
import type { TraceBudget, Tracer } from './tracer.ts';

export type PrestateOptions = {
  readonly diffMode: boolean;
  readonly disableCode: boolean;
  readonly disableStorage: boolean;
};

type AccountView = { balance?: string; nonce?: number; code?: string; storage?: Record<string, string> };

type Touched = { readonly before: AccountView; readonly slots: Map<string, string>; readonly isNew: boolean };

/** EIP-7702: the code of an account that lends itself another's is this and an address. */
const DELEGATION_PREFIX = '0xef0100';
const ACCOUNT_BYTES = 200;
const SLOT_BYTES = 140;
const ZERO_WORD = toHex(new Uint8Array(32));

/** How far below the top of the stack the instruction's address is. */
const ADDRESS_DEPTH: Readonly<Record<number, number>> = {
  [opcodes.balance]: 0,
  [opcodes.extcodesize]: 0,
  [opcodes.extcodecopy]: 0,
  [opcodes.extcodehash]: 0,
  [opcodes.selfdestruct]: 0,
  [opcodes.call]: 1,
  [opcodes.callcode]: 1,
  [opcodes.delegatecall]: 1,
  [opcodes.staticcall]: 1,
};

export class PrestateTracer implements Tracer {
  readonly #options: PrestateOptions;
  readonly #state: JournaledState;
  readonly #budget: TraceBudget;
  readonly #touched = new Map<string, Touched>();

  /** `parties` are touched by the transaction itself: sender, recipient or new contract, the block's producer. */
  constructor(options: PrestateOptions, state: JournaledState, budget: TraceBudget, parties: readonly Uint8Array[]) {
    this.#options = options;
    this.#state = state;
    this.#budget = budget;
    for (const address of parties) this.#touch(address);
  }

  onStep({ opcode, stack, address, memory }: InterpreterStep): void {
    const { code } = opcode;
    if (code === opcodes.sload || code === opcodes.sstore) {
      this.#touchSlot(address.bytes, padLeft(bigToBytes(stackItem(stack, 0)), 32));
    } else if (code === opcodes.create) {
      this.#touch(createAddress(address.bytes, this.#state.findAccount(address.bytes)?.nonce ?? 0n));
    } else if (code === opcodes.create2) {
      const [offset, size] = [Number(stackItem(stack, 1)), Number(stackItem(stack, 2))];
      this.#touch(create2Address(address.bytes, stackItem(stack, 3), memory.subarray(offset, offset + size)));
    } else {
      const depth = ADDRESS_DEPTH[code];
      if (depth !== undefined) this.#touch(padLeft(bigToBytes(stackItem(stack, depth)), 32).subarray(12));
    }
  }

  onEnter(_message: Message): void {}

  onExit(_result: EVMResult): void {}

  finish(): unknown {
    if (this.#options.diffMode) return this.#diff();
    const shown = [...this.#touched].filter(([, { isNew }]) => !isNew);
    return Object.fromEntries(shown.map(([key, touched]) => [`0x${key}`, this.#withSlots(touched)]));
  }

  #touch(address: Uint8Array): void {
    const key = keyOf(address);
    if (this.#touched.has(key)) return;
    const before = this.#read(address);
    this.#budget.take(ACCOUNT_BYTES + (before.code?.length ?? 0));
    if (this.#budget.isExceeded) return;
    this.#touched.set(key, { before, slots: new Map(), isNew: this.#state.findAccount(address) === undefined });
    if (before.code?.startsWith(DELEGATION_PREFIX)) {
      this.#touch(fromHex(before.code.slice(DELEGATION_PREFIX.length)));
    }
  }

  #touchSlot(address: Uint8Array, slot: Uint8Array): void {
    if (this.#options.disableStorage) return;
    this.#touch(address);
    const slots = this.#touched.get(keyOf(address))?.slots;
    const name = toHex(slot);
    if (slots === undefined || slots.has(name)) return;
    this.#budget.take(SLOT_BYTES);
    if (!this.#budget.isExceeded) slots.set(name, this.#readSlot(address, slot));
  }

  #read(address: Uint8Array): AccountView {
    const account = this.#state.findAccount(address);
    const code = this.#state.readCode(address);
    return {
      balance: toQuantity(account?.balance ?? 0n),
      ...(account === undefined || account.nonce === 0n ? {} : { nonce: Number(account.nonce) }),
      ...(code.length === 0 || this.#options.disableCode ? {} : { code: toHex(code) }),
    };
  }

  #readSlot(address: Uint8Array, slot: Uint8Array): string {
    return toHex(padLeft(this.#state.readSlot(address, slot), 32));
  }

  #withSlots({ before, slots }: Touched): AccountView {
    return slots.size === 0 ? before : { ...before, storage: Object.fromEntries(slots) };
  }

  /** Only accounts that changed; in `post` only what is different. */
  #diff(): { pre: Record<string, AccountView>; post: Record<string, AccountView> } {
    const pre: Record<string, AccountView> = {};
    const post: Record<string, AccountView> = {};
    for (const [key, { before, slots, isNew }] of this.#touched) {
      const address = fromHex(key);
      const name = `0x${key}`;
      const hadSlots = changedSlots(slots, (slot) => this.#readSlot(address, fromHex(slot)));
      if (this.#state.findAccount(address) === undefined) {
        if (!isNew) pre[name] = withStorage(before, nonZero(slots));
        continue;
      }
      const changed = withStorage(changedFields(before, this.#read(address)), nonZero(hadSlots.after));
      const isChanged = Object.keys(changed).length > 0 || hadSlots.before.size > 0;
      if (!isChanged) continue;
      post[name] = changed;
      if (!isNew) pre[name] = withStorage(before, nonZero(hadSlots.before));
    }
    return { pre, post };
  }
}

function changedSlots(
  slots: ReadonlyMap<string, string>,
  read: (slot: string) => string,
): { before: Map<string, string>; after: Map<string, string> } {
  const changed = [...slots].filter(([slot, value]) => read(slot) !== value);
  return { before: new Map(changed), after: new Map(changed.map(([slot]) => [slot, read(slot)])) };
}

function nonZero(slots: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...slots].filter(([, value]) => value !== ZERO_WORD));
}

function withStorage(view: AccountView, slots: ReadonlyMap<string, string>): AccountView {
  return slots.size === 0 ? view : { ...view, storage: Object.fromEntries(slots) };
}

function changedFields(before: AccountView, after: AccountView): AccountView {
  return {
    ...(after.balance === before.balance || after.balance === undefined ? {} : { balance: after.balance }),
    ...(after.nonce === before.nonce || after.nonce === undefined ? {} : { nonce: after.nonce }),
    ...(after.code === before.code || after.code === undefined ? {} : { code: after.code }),
  };
}

/** Where CREATE, or a transaction without a recipient, puts a contract: the last 20 bytes of keccak(rlp([sender, nonce])). */
export function createAddress(sender: Uint8Array, nonce: bigint): Uint8Array {
  return keccak256(encodeRlp([sender, bigToBytes(nonce)])).subarray(12);
}

/** EIP-1014. */
function create2Address(sender: Uint8Array, salt: bigint, code: Uint8Array): Uint8Array {
  const parts = concat(Uint8Array.of(0xff), sender, padLeft(bigToBytes(salt), 32), keccak256(code));
  return keccak256(parts).subarray(12);
}
