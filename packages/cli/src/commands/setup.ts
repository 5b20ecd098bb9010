import { resolve } from 'node:path';
import { isLogName } from '@lucid/common/apis/log-names';
import { getAddress, isAddress } from 'ethers';
import type { Run } from '../command.ts';
import { cliError } from '../errors.ts';
import { formatFields } from '../output.ts';
import { nameRoot } from '../root-name.ts';
import { type GenesisOptions, type GovernanceProfile, governanceTimings } from '../setup/genesis.ts';
import { ensurePlatformKeys, type PlatformKeys, type PlatformOptions } from '../setup/keys.ts';

interface SetupOptions {
  readonly keys?: string;
  readonly root?: string;
  readonly claim?: string;
  readonly profile?: string;
  readonly chainId?: number;
  readonly guardian?: string;
  readonly logs?: readonly string[];
}

/** Makes what is missing: of a platform's keys, or with `--root` of everything it has on its machine. */
export const run: Run<SetupOptions> = async ({ config }, output, options) => {
  const { keys: folder = '.data/keys', root, claim } = options;
  if (claim !== undefined) {
    const name = nameRoot(resolve(claim), config.hostRoot);
    return (await import('./setup-claim.ts')).runClaim(output, claim, name);
  }
  const genesisOptions = parseGenesisOptions(options);
  if (root !== undefined) {
    const name = nameRoot(resolve(root), config.hostRoot);
    return (await import('./setup-root.ts')).runRoot(output, resolve(root), genesisOptions, name);
  }
  const keys = await ensurePlatformKeys(resolve(folder), genesisOptions);
  const { addresses, created, files, genesis } = keys;
  noteUnused(genesisOptions, keys, output.note);
  const next = [
    'Next:',
    '  1. Back the folder up, sealed: whoever has it is the platform, and without it there is none.',
    '  2. Start the platform; it names a setup code.',
    '  3. lucid login --setup-code CODE --username NAME',
  ];
  const summary = [['keys', keys.folder], ['made', listCreated(created)], ...describeKeys(keys)] as const;
  output.result(
    { folder: keys.folder, created, files, addresses, genesis },
    `${formatFields(summary)}\n${next.join('\n')}`,
  );
};

function parseGenesisOptions({ profile, chainId, guardian, logs = [] }: SetupOptions): PlatformOptions {
  if (profile !== undefined && !Object.hasOwn(governanceTimings, profile))
    throw cliError('USAGE_INVALID', '--profile is production or dev.');
  if (guardian !== undefined && !isAddress(guardian)) {
    throw cliError('USAGE_INVALID', `--guardian takes an address: 0x and 40 hex digits.`);
  }
  const odd = logs.find((name) => !isLogName(name));
  if (odd !== undefined) throw cliError('USAGE_INVALID', `--logs: "${odd}" is no name for a log.`);
  return {
    logs: logs.filter((name) => name !== 'lucid'),
    ...(profile === undefined ? {} : { profile: profile as GovernanceProfile }),
    ...(chainId === undefined ? {} : { chainId }),
    ...(guardian === undefined ? {} : { guardian: getAddress(guardian) }),
  };
}

/** What was made, for people. */
export function listCreated(created: readonly string[]): string {
  return created.length > 0 ? created.join(', ') : 'nothing: all were there, and are sound';
}

/** Whose keys they are, in public, for people. */
export function describeKeys({ addresses, files, genesis }: PlatformKeys): [name: string, value: string | number][] {
  return [
    ['chain id', genesis.chainId],
    ['member', `${addresses.member} (${files.memberKey})`],
    ['anchorer', addresses.anchorer],
    ['relayer', addresses.relayer],
    ['guardian', genesis.guardian],
  ];
}

/** Says which options came too late: a chain's genesis is made once. */
export function noteUnused(
  { profile, chainId, guardian }: GenesisOptions,
  { genesis }: PlatformKeys,
  note: (text: string) => void,
): void {
  const kept: string[] = [];
  if (profile && genesis.timelockDelaySec !== governanceTimings[profile].timelockDelaySec) kept.push('its timings');
  if (chainId !== undefined && chainId !== genesis.chainId) kept.push(`chain id ${genesis.chainId}`);
  if (guardian !== undefined && guardian !== genesis.guardian) kept.push(`guardian ${genesis.guardian}`);
  if (kept.length > 0) note(`note: the genesis was there already, and keeps ${kept.join(', ')}.`);
}
