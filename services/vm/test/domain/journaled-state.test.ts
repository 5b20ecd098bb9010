import { createMPT, type MerklePatriciaTrie } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import { Account, Address } from '@ethereumjs/util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bigToBytes, keyOf, padLeft, toHex, trimLeft } from '../../src/domain/bytes.ts';
import { EMPTY_CODE_HASH, EMPTY_ROOT, keccak256 } from '../../src/domain/crypto.ts';
import { JournaledState, type StateSource } from '../../src/domain/state/journaled-state.ts';
import { MissingNodeError } from '../../src/domain/trie/trie.ts';

/** What the state must be, kept the plain way: an object copied at every checkpoint. */
type Model = Map<number, { nonce: bigint; balance: bigint; code: number; storage: Map<number, number> }>;

const addressOf = (n: number): Address => new Address(padLeft(Uint8Array.of(n + 1), 20));
const slotOf = (n: number): Uint8Array => padLeft(Uint8Array.of(n), 32);
const codeOf = (n: number): Uint8Array => new Uint8Array(n).fill(0x5b);

const who = fc.integer({ min: 0, max: 3 });
const step = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), who, nonce: fc.bigInt(0n, 9n), balance: fc.bigInt(0n, 10n ** 20n) }),
  fc.record({ kind: fc.constant('code' as const), who, size: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    kind: fc.constant('slot' as const),
    who,
    slot: fc.integer({ min: 0, max: 5 }),
    value: fc.integer({ min: 0, max: 300 }),
  }),
  fc.record({ kind: fc.constant('delete' as const), who }),
  fc.record({ kind: fc.constant('clear' as const), who }),
  fc.record({ kind: fc.constantFrom('checkpoint' as const, 'commit' as const, 'revert' as const, 'seal' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const copy = (model: Model): Model =>
  new Map([...model].map(([n, account]) => [n, { ...account, storage: new Map(account.storage) }]));

function at(model: Model, n: number): NonNullable<ReturnType<Model['get']>> {
  const found = model.get(n) ?? { nonce: 0n, balance: 0n, code: 0, storage: new Map<number, number>() };
  model.set(n, found);
  return found;
}

async function rootOf(model: Model): Promise<Uint8Array> {
  const state = await createMPT();
  for (const [n, { nonce, balance, code, storage }] of model) {
    const slots: MerklePatriciaTrie = await createMPT();
    for (const [slot, value] of storage) {
      if (value > 0) await slots.put(keccak256(slotOf(slot)), RLP.encode(bigToBytes(BigInt(value))));
    }
    const codeHash = code === 0 ? EMPTY_CODE_HASH : keccak256(codeOf(code));
    const leaf = RLP.encode([bigToBytes(nonce), bigToBytes(balance), slots.root(), codeHash]);
    await state.put(keccak256(addressOf(n).bytes), leaf);
  }
  return state.root();
}

/** Drives the state and the model; only storage of accounts that exist is written, as the EVM does. */
async function apply(state: JournaledState, stack: Model[], one: Step): Promise<void> {
  const model = stack.at(-1) as Model;
  if (one.kind === 'put') {
    Object.assign(at(model, one.who), { nonce: one.nonce, balance: one.balance });
    await state.putAccount(addressOf(one.who), new Account(one.nonce, one.balance));
  } else if (one.kind === 'code') {
    at(model, one.who).code = one.size;
    await state.putCode(addressOf(one.who), codeOf(one.size));
  } else if (one.kind === 'slot' && model.has(one.who)) {
    at(model, one.who).storage.set(one.slot, one.value);
    await state.putStorage(addressOf(one.who), slotOf(one.slot), trimLeft(bigToBytes(BigInt(one.value))));
  } else if (one.kind === 'delete') {
    model.delete(one.who);
    await state.deleteAccount(addressOf(one.who));
  } else if (one.kind === 'clear') {
    model.get(one.who)?.storage.clear();
    await state.clearStorage(addressOf(one.who));
  } else if (one.kind === 'checkpoint') {
    stack.push(copy(model));
    await state.checkpoint();
  } else if (one.kind === 'commit' && stack.length > 1) {
    stack.splice(-2, 1);
    await state.commit();
  } else if (one.kind === 'revert' && stack.length > 1) {
    stack.pop();
    await state.revert();
  }
}

describe('journaled state', () => {
  test('follows a plain model through checkpoints, reverts, seals and reopening, root for root', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const stored = new Map<string, Uint8Array>();
        const read = (hash: Uint8Array): Uint8Array | undefined => stored.get(keyOf(hash));
        const source: StateSource = { getNode: read, getCode: read };
        let state = new JournaledState(source, EMPTY_ROOT, { accountsMax: 2, residentMax: 3 });
        const bottom: Model = new Map();
        const stack: Model[] = [bottom];
        for (const one of [...steps, { kind: 'seal' as const }]) {
          await apply(state, stack, one);
          if (one.kind !== 'seal' || stack.length > 1) continue;
          const { root, nodes, codes } = state.seal();
          for (const { hash, bytes } of [...nodes, ...codes]) stored.set(keyOf(hash), bytes);
          expect(toHex(root)).toBe(toHex(await rootOf(stack.at(-1) ?? bottom)));
          if (steps.length % 2 === 0) state = new JournaledState(source, root);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('a slot remembers what it was when the transaction began', async () => {
    const state = new JournaledState({ getNode: () => undefined, getCode: () => undefined });
    const [address, slot] = [addressOf(0), slotOf(1)];
    await state.putAccount(address, new Account(1n));
    await state.putStorage(address, slot, Uint8Array.of(1));
    state.originalStorageCache.clear();
    await state.checkpoint();
    await state.putStorage(address, slot, Uint8Array.of(2));
    await state.putStorage(address, slot, Uint8Array.of(3));
    expect(await state.originalStorageCache.get(address, slot)).toEqual(Uint8Array.of(1));
    await state.revert();
    expect(await state.getStorage(address, slot)).toEqual(Uint8Array.of(1));
  });

  test('a root whose nodes are gone is an error that says so, not an empty account', () => {
    const state = new JournaledState(
      { getNode: () => undefined, getCode: () => undefined },
      keccak256(Uint8Array.of(9)),
    );
    expect(() => state.findAccount(addressOf(0).bytes)).toThrow(MissingNodeError);
  });
});
