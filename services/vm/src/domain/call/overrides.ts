/** State overrides of `eth_call`: what the call is to find instead of the chain's state. */
import { Address } from '@ethereumjs/util';
import { optional, parseAddress, parseData, parseObject, parseQuantity, parseSlot } from '../rpc/params.ts';
import { invalidParams } from '../rpc/rpc-error.ts';
import type { JournaledState } from '../state/journaled-state.ts';

export type AccountOverride = {
  readonly address: Uint8Array;
  readonly balance: bigint | undefined;
  readonly nonce: bigint | undefined;
  readonly code: Uint8Array | undefined;
  /** Replace the whole storage, or only the slots named. */
  readonly storage: { readonly isWhole: boolean; readonly slots: readonly [Uint8Array, Uint8Array][] } | undefined;
};

const ACCOUNTS_MAX = 100;

/** The third parameter of `eth_call`. @throws RpcError -32602 */
export function parseOverrides(value: unknown): AccountOverride[] {
  const entries = Object.entries(parseObject(value, 'stateOverrides'));
  if (entries.length > ACCOUNTS_MAX) throw invalidParams(`more than ${ACCOUNTS_MAX} state overrides`);
  return entries.map(([address, entry]) => {
    const { balance, nonce, code, state, stateDiff } = parseObject(entry, 'stateOverrides');
    if (state !== undefined && stateDiff !== undefined) throw invalidParams('both "state" and "stateDiff" are set');
    return {
      address: parseAddress(address, 'stateOverrides'),
      balance: optional(balance, (wei) => parseQuantity(wei, 'balance')),
      nonce: optional(nonce, (count) => parseQuantity(count, 'nonce')),
      code: optional(code, (bytes) => parseData(bytes, 'code')),
      storage: optional(state ?? stateDiff, (slots) => ({
        isWhole: state !== undefined,
        slots: Object.entries(parseObject(slots, 'state')).map(([slot, word]) => [
          parseSlot(slot, 'state'),
          parseSlot(word, 'state'),
        ]),
      })),
    };
  });
}

/** Puts overrides into a state, inside the caller's checkpoint. */
export async function applyOverrides(state: JournaledState, overrides: readonly AccountOverride[]): Promise<void> {
  for (const override of overrides) {
    const address = new Address(override.address);
    await state.modifyAccountFields(address, {
      ...(override.balance === undefined ? {} : { balance: override.balance }),
      ...(override.nonce === undefined ? {} : { nonce: override.nonce }),
    });
    if (override.code !== undefined) await state.putCode(address, override.code);
    if (override.storage?.isWhole === true) await state.clearStorage(address);
    for (const [slot, word] of override.storage?.slots ?? []) await state.putStorage(address, slot, word);
  }
  state.originalStorageCache.clear();
}
