import { type GenesisConfig, governanceDefaults, verifyGenesisConfig } from '@lucid/contracts/genesis-config';
import { cliError } from '../errors.ts';
import { createPrivateFile, findPrivateFile } from './private-file.ts';

/** The chain id of a platform that chooses none. */
export const defaultChainId = 20_251;

/** How long governance takes: `production` leaves people time to notice, `dev` lets a test watch a vote pass. */
export const governanceTimings = {
  production: {
    votingDelaySec: 86_400,
    votingPeriodSec: 259_200,
    timelockDelaySec: 86_400,
    lateQuorumExtensionSec: 86_400,
  },
  dev: { votingDelaySec: 1, votingPeriodSec: 20, timelockDelaySec: 2, lateQuorumExtensionSec: 5 },
} as const;

export type GovernanceProfile = keyof typeof governanceTimings;

export interface GenesisOptions {
  readonly profile?: GovernanceProfile;
  readonly chainId?: number;
  /** May cancel proposals; the founding member unless given. */
  readonly guardian?: string;
  /** The genesis block's time, seconds since 1970; now unless given. */
  readonly timestamp?: number;
}

/**
 * Reads genesis.json, or makes it the first time. It is never changed afterwards: the first block is made from it, and
 * another genesis would be another chain.
 * @throws GENESIS_FILE_INVALID naming the file and every field at fault
 */
export async function ensureGenesis(
  path: string,
  accounts: { readonly member: string; readonly anchorer: string },
  options: GenesisOptions = {},
): Promise<{ readonly genesis: GenesisConfig; readonly isNew: boolean }> {
  const found = await findPrivateFile(path);
  if (found !== undefined) return { genesis: parseGenesis(path, found), isNew: false };
  const genesis = createGenesis(accounts, options);
  verifyGenesisConfig(genesis);
  if (await createPrivateFile(path, `${JSON.stringify(genesis, undefined, 2)}\n`)) return { genesis, isNew: true };
  return await ensureGenesis(path, accounts, options);
}

function createGenesis(
  { member, anchorer }: { readonly member: string; readonly anchorer: string },
  options: GenesisOptions,
): GenesisConfig {
  return {
    ...governanceDefaults,
    ...governanceTimings[options.profile ?? 'production'],
    chainId: options.chainId ?? defaultChainId,
    timestamp: options.timestamp ?? Math.floor(Date.now() / 1000),
    anchorers: [anchorer],
    members: [{ address: member, seats: 1 }],
    guardian: options.guardian ?? member,
  };
}

function parseGenesis(path: string, text: string): GenesisConfig {
  try {
    const genesis = JSON.parse(text) as GenesisConfig;
    verifyGenesisConfig(genesis);
    return genesis;
  } catch (cause) {
    const reason = cause instanceof SyntaxError || cause instanceof TypeError ? 'not the JSON expected' : cause;
    const detail = reason instanceof Error ? reason.message : reason;
    throw cliError('GENESIS_FILE_INVALID', `${path} is not a genesis configuration: ${String(detail)}`, { cause });
  }
}
