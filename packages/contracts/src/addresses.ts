import { dataSlice, getAddress, getCreateAddress, id } from 'ethers';
import type { ContractName } from './interfaces.ts';

/**
 * The sender of genesis: 20 bytes of a hash, so nobody holds its key and it never acts again.
 * Its nonces 0, 1, 2 … fix the contracts' addresses whatever their arguments are.
 */
export const genesisDeployer = getAddress(dataSlice(id('lucid/genesis-deployer/v1'), 12));

/** Creation order: the position is the deployer's nonce. Appending is safe, reordering moves addresses. */
export const creationOrder = [
  'TimelockController',
  'LucidSeats',
  'LucidGovernor',
  'LucidParams',
  'LucidAnchors',
] as const satisfies readonly ContractName[];

/** Where the platform's contracts are on every Lucid chain (EIP-55 checksummed). */
export const contractAddresses: Readonly<Record<ContractName, string>> = {
  TimelockController: createdAt('TimelockController'),
  LucidSeats: createdAt('LucidSeats'),
  LucidGovernor: createdAt('LucidGovernor'),
  LucidParams: createdAt('LucidParams'),
  LucidAnchors: createdAt('LucidAnchors'),
};

function createdAt(name: ContractName): string {
  return getCreateAddress({ from: genesisDeployer, nonce: creationOrder.indexOf(name) });
}
