/** Reads the operator's genesis configuration and turns it into what block 0 is made of. */
import type { GenesisConfig } from '@lucid/contracts/genesis-config';
import { ZERO_ADDRESS } from './domain/bytes.ts';
import type { Genesis } from './domain/chain/genesis.ts';
import { vmError } from './errors.ts';

/** The platform's configuration, and balances (wei, decimal) for those who want to move value. */
export type GenesisFile = GenesisConfig & { readonly balances?: Readonly<Record<string, string>> };

/** Parses the file's text; its members are checked when the plan is made. @throws AppError VM_GENESIS_INVALID */
export function parseGenesisFile(text: string): GenesisFile {
  try {
    const file = JSON.parse(text) as GenesisFile;
    if (Number.isSafeInteger(file.chainId) && file.chainId > 0 && Number.isSafeInteger(file.timestamp)) return file;
  } catch (cause) {
    throw vmError('VM_GENESIS_INVALID', 'The genesis file is not JSON.', { cause });
  }
  throw vmError('VM_GENESIS_INVALID', 'The genesis file names no chainId and timestamp.');
}

/**
 * The steps of block 0. Loads the contracts' bytecode, which is needed once in a chain's life.
 * @throws AppError VM_GENESIS_INVALID, GENESIS_CONFIG_INVALID
 */
export async function planGenesis(file: GenesisFile, blockGasLimit: number): Promise<Genesis> {
  const { genesisPlan } = await import('@lucid/contracts/genesis');
  const { genesisDeployer } = await import('@lucid/contracts/addresses');
  try {
    return {
      chainId: file.chainId,
      timestamp: file.timestamp,
      gasLimit: BigInt(blockGasLimit),
      coinbase: ZERO_ADDRESS,
      deployer: genesisDeployer,
      steps: genesisPlan(file),
      balances: Object.fromEntries(Object.entries(file.balances ?? {}).map(([who, wei]) => [who, parseWei(who, wei)])),
    };
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw vmError('VM_GENESIS_INVALID', 'The genesis file lacks members of a genesis configuration.', { cause });
  }
}

function parseWei(address: string, wei: unknown): bigint {
  if (/^0x[0-9a-fA-F]{40}$/.test(address) && typeof wei === 'string' && /^[0-9]{1,60}$/.test(wei)) return BigInt(wei);
  throw vmError('VM_GENESIS_INVALID', `The balance of ${address} is not a decimal amount of wei for an address.`);
}
