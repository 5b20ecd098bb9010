/** Block 0: an operator's configuration, and the platform's contracts put in place by running their constructors. */
import { Account, Address } from '@ethereumjs/util';
import { vmError } from '../../errors.ts';
import { fromHex, toHex } from '../bytes.ts';
import { EMPTY_CODE_HASH } from '../crypto.ts';
import type { SealedBlock } from './block.ts';
import { BlockBuilder } from './builder.ts';
import { type Engine, engineBlock, HISTORY_CONTRACT } from './engine.ts';
import { type OpenHeader, ZERO_HASH } from './header.ts';

/** One step of genesis, sent by a deployer nobody has the key of. */
export type GenesisStep =
  | { readonly kind: 'create'; readonly name: string; readonly address: string; readonly initCode: string }
  | { readonly kind: 'call'; readonly from: string; readonly to: string; readonly data: string };

/** What block 0 is made of. */
export type Genesis = {
  readonly chainId: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly gasLimit: bigint;
  readonly coinbase: Uint8Array;
  readonly deployer: string;
  readonly steps: readonly GenesisStep[];
  /** Balances that exist from the start, wei by address. */
  readonly balances: Readonly<Record<string, bigint>>;
};

/** A contract of the platform and where genesis put it. */
export type GenesisContract = { readonly name: string; readonly address: string; readonly codeHash: string };

const STEP_GAS = 30_000_000n;

function genesisHeader(genesis: Genesis): OpenHeader {
  return {
    parentHash: ZERO_HASH,
    coinbase: genesis.coinbase,
    number: 0n,
    gasLimit: genesis.gasLimit,
    timestamp: BigInt(genesis.timestamp),
    extraData: new TextEncoder().encode('lucid'),
    prevRandao: ZERO_HASH,
    baseFeePerGas: 0n,
  };
}

/**
 * Runs genesis on an empty state and seals block 0.
 * @throws AppError VM_GENESIS_FAILED where a step reverts or a contract lands elsewhere than planned.
 */
export async function buildGenesis(engine: Engine, genesis: Genesis): Promise<SealedBlock> {
  const header = genesisHeader(genesis);
  const { state } = engine;
  await state.putAccount(new Address(HISTORY_CONTRACT.address), new Account(1n));
  await state.putCode(new Address(HISTORY_CONTRACT.address), HISTORY_CONTRACT.code);
  for (const [address, wei] of Object.entries(genesis.balances)) {
    await state.putAccount(new Address(fromHex(address)), new Account(0n, wei));
  }
  for (const step of genesis.steps) await runStep(engine, genesis, header, step);
  const builder = await BlockBuilder.open(engine, header);
  return builder.seal();
}

async function runStep(engine: Engine, genesis: Genesis, header: OpenHeader, step: GenesisStep): Promise<void> {
  const from = new Address(fromHex(step.kind === 'create' ? genesis.deployer : step.from));
  const result = await engine.evm.runCall({
    block: engineBlock(engine.rules, header),
    caller: from,
    origin: from,
    gasLimit: STEP_GAS,
    ...(step.kind === 'create'
      ? { data: fromHex(step.initCode) }
      : { to: new Address(fromHex(step.to)), data: fromHex(step.data) }),
  });
  engine.evm.journal.cleanJournal();
  engine.state.originalStorageCache.clear();
  const what = step.kind === 'create' ? `creation of ${step.name}` : `call to ${step.to}`;
  const { exceptionError, returnValue } = result.execResult;
  if (exceptionError !== undefined) {
    throw vmError('VM_GENESIS_FAILED', `The ${what} failed: ${exceptionError.error} ${toHex(returnValue)}`);
  }
  if (step.kind === 'call') return;
  if (result.createdAddress?.toString() !== step.address.toLowerCase()) {
    throw vmError('VM_GENESIS_FAILED', `The ${what} landed at ${result.createdAddress?.toString()}`);
  }
}

/** The contracts genesis made, with the hash of the code that came of it. */
export function listGenesisContracts(genesis: Genesis, engine: Pick<Engine, 'state'>): GenesisContract[] {
  return genesis.steps.flatMap((step) => {
    if (step.kind !== 'create') return [];
    const codeHash = engine.state.findAccount(fromHex(step.address))?.codeHash ?? EMPTY_CODE_HASH;
    return [{ name: step.name, address: step.address, codeHash: toHex(codeHash) }];
  });
}
