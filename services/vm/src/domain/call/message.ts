/** A call that is run and forgotten: `eth_call`, gas estimates and access lists. */

import type { Common } from '@ethereumjs/common';
import { createAccessList2930Tx, createLegacyTx, getMinimumGasLimit } from '@ethereumjs/tx';
import { Address } from '@ethereumjs/util';
import { toHex } from '../bytes.ts';
import { optional, parseAddress, parseData, parseFixed, parseList, parseObject, parseQuantity } from '../rpc/params.ts';
import { invalidParams } from '../rpc/rpc-error.ts';

/** An EIP-2930 access list. */
export type AccessList = readonly { readonly address: Uint8Array; readonly slots: readonly Uint8Array[] }[];

export type CallMessage = {
  readonly from: Uint8Array;
  /** Absent: a creation. */
  readonly to: Uint8Array | undefined;
  readonly data: Uint8Array;
  /** Wei. */
  readonly value: bigint;
  readonly gasLimit: bigint | undefined;
  /** Wei for each gas; bounds an estimate by the sender's balance where it is not zero. */
  readonly gasPrice: bigint;
  readonly accessList: AccessList;
};

const ZERO_ADDRESS = new Uint8Array(20);

/** The transaction object of `eth_call`. @throws RpcError -32602 */
export function parseCallMessage(value: unknown): CallMessage {
  const fields = parseObject(value, 'transaction');
  const { input, data } = fields;
  if (input !== undefined && data !== undefined && input !== data) {
    throw invalidParams('both "data" and "input" are set and not equal');
  }
  const fee = fields['gasPrice'] ?? fields['maxFeePerGas'];
  return {
    from: optional(fields['from'], (from) => parseAddress(from, 'from')) ?? ZERO_ADDRESS,
    to: optional(fields['to'], (to) => parseAddress(to, 'to')),
    data: optional(input ?? data, (bytes) => parseData(bytes, 'data')) ?? new Uint8Array(0),
    value: optional(fields['value'], (wei) => parseQuantity(wei, 'value')) ?? 0n,
    gasLimit: optional(fields['gas'], (gas) => parseQuantity(gas, 'gas')),
    gasPrice: optional(fee, (wei) => parseQuantity(wei, 'gasPrice')) ?? 0n,
    accessList: optional(fields['accessList'], parseAccessList) ?? [],
  };
}

function parseAccessList(value: unknown): AccessList {
  return parseList(value, 'accessList', 1000).map((entry) => {
    const { address, storageKeys } = parseObject(entry, 'accessList');
    return {
      address: parseAddress(address, 'accessList.address'),
      slots: parseList(storageKeys, 'accessList.storageKeys', 1000).map((slot) => parseFixed(slot, 'storageKey', 32)),
    };
  });
}

/** What the message costs before its first opcode, with EIP-7623's floor as the least limit. */
export function intrinsicGas(rules: Common, message: CallMessage): { intrinsic: bigint; least: bigint } {
  const fields = {
    data: message.data,
    value: message.value,
    ...(message.to === undefined ? {} : { to: new Address(message.to) }),
  };
  const tx =
    message.accessList.length === 0
      ? createLegacyTx(fields, { common: rules, allowUnlimitedInitCodeSize: true })
      : createAccessList2930Tx(
          {
            ...fields,
            accessList: message.accessList.map(({ address, slots }) => ({
              address: toHex(address),
              storageKeys: slots.map(toHex),
            })),
          },
          { common: rules, allowUnlimitedInitCodeSize: true },
        );
  return { intrinsic: tx.getIntrinsicGas(), least: getMinimumGasLimit(tx) };
}
