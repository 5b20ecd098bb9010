import { resolve } from 'node:path';
import { getAddress, isAddress } from 'ethers';
import type { Run } from '../command.ts';
import { cliError } from '../errors.ts';
import { formatFields } from '../output.ts';
import { type GovernanceProfile, governanceTimings } from '../setup/genesis.ts';
import { ensurePlatformKeys } from '../setup/keys.ts';

interface SetupOptions {
  readonly keys: string;
  readonly profile: string;
  readonly chainId?: number;
  readonly guardian?: string;
}

/** Makes what is missing of a platform's keys. */
export const run: Run<SetupOptions> = async (_context, output, { keys: folder, profile, chainId, guardian }) => {
  if (!(profile in governanceTimings)) throw cliError('USAGE_INVALID', '--profile is production or dev.');
  if (guardian !== undefined && !isAddress(guardian)) {
    throw cliError('USAGE_INVALID', `--guardian takes an address: 0x and 40 hex digits.`);
  }
  const keys = await ensurePlatformKeys(resolve(folder), {
    profile: profile as GovernanceProfile,
    ...(chainId === undefined ? {} : { chainId }),
    ...(guardian === undefined ? {} : { guardian: getAddress(guardian) }),
  });
  const { addresses, created, files, genesis } = keys;
  const summary = formatFields([
    ['keys', keys.folder],
    ['made', created.length > 0 ? created.join(', ') : 'nothing: all were there, and are sound'],
    ['chain id', genesis.chainId],
    ['member', `${addresses.member} (${files.memberKey})`],
    ['anchorer', addresses.anchorer],
    ['relayer', addresses.relayer],
    ['guardian', genesis.guardian],
  ]);
  const next = [
    'Next:',
    '  1. Back the folder up, sealed: whoever has it is the platform, and without it there is none.',
    '  2. Start the platform; it names a setup code.',
    '  3. lucid login --setup-code CODE --username NAME',
  ];
  output.result({ folder: keys.folder, created, files, addresses, genesis }, `${summary}\n${next.join('\n')}`);
};
