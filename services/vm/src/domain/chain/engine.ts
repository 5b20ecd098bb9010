/** The EVM over one state: @ethereumjs/evm for opcodes, precompiles and gas; state, blocks and the rest are ours. */
import { Block, createBlockHeader } from '@ethereumjs/block';
import type { Common } from '@ethereumjs/common';
import { createEVM, type EVM } from '@ethereumjs/evm';
import { Address } from '@ethereumjs/util';
import { createVM, type VM } from '@ethereumjs/vm';
import { bigToBytes, fromHex, padLeft } from '../bytes.ts';
import type { JournaledState } from '../state/journaled-state.ts';
import type { OpenHeader } from './header.ts';

/** Answers the BLOCKHASH opcode. */
export type BlockHashes = (blockNumber: number) => Uint8Array | undefined;
/** One engine runs one execution at a time. */
export type Engine = {
  readonly rules: Common;
  readonly state: JournaledState;
  readonly vm: VM;
  readonly evm: EVM;
};

/** EIP-2935: keeps the hashes of the last 8191 blocks in its storage. */
export const HISTORY_CONTRACT = {
  address: fromHex('0x0000f90827f1c53a10cb7a02335b175320002935'),
  code: fromHex(
    '0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257' +
      '611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500',
  ),
  windowSize: 8191n,
} as const;

/** Builds an engine over a state. */
export async function createEngine(rules: Common, state: JournaledState, blockHashes: BlockHashes): Promise<Engine> {
  const blockchain = {
    getBlock: async (blockNumber: number) => ({ hash: () => blockHashes(blockNumber) ?? new Uint8Array(32) }),
    putBlock: async () => undefined,
    shallowCopy() {
      return this;
    },
  };
  const evm = await createEVM({ common: rules, stateManager: state, blockchain });
  const vm = await createVM({ common: rules, stateManager: state, evm });
  return { rules, state, vm, evm };
}

/** The block as the engine wants to see it while transactions run. */
export function engineBlock(rules: Common, header: OpenHeader): Block {
  const engineHeader = createBlockHeader(
    {
      parentHash: header.parentHash,
      coinbase: new Address(header.coinbase),
      number: header.number,
      gasLimit: header.gasLimit,
      timestamp: header.timestamp,
      extraData: header.extraData,
      mixHash: header.prevRandao,
      baseFeePerGas: header.baseFeePerGas,
    },
    { common: rules },
  );
  return new Block(engineHeader, [], [], [], { common: rules });
}

/** What happens before the first transaction of a block: the parent's hash goes into the history contract. */
export async function openBlockState(state: JournaledState, header: OpenHeader): Promise<void> {
  const slot = padLeft(bigToBytes((header.number - 1n) % HISTORY_CONTRACT.windowSize), 32);
  await state.putStorage(new Address(HISTORY_CONTRACT.address), slot, header.parentHash);
  state.originalStorageCache.clear();
}
