import { type ErrorDescription, Interface } from 'ethers';
import anchorsAbi from '../artifacts/LucidAnchors.abi.json' with { type: 'json' };
import governorAbi from '../artifacts/LucidGovernor.abi.json' with { type: 'json' };
import paramsAbi from '../artifacts/LucidParams.abi.json' with { type: 'json' };
import seatsAbi from '../artifacts/LucidSeats.abi.json' with { type: 'json' };
import timelockAbi from '../artifacts/TimelockController.abi.json' with { type: 'json' };

/** The contracts' names, as in genesis and in the artifacts. */
export type ContractName = 'LucidAnchors' | 'LucidGovernor' | 'LucidParams' | 'LucidSeats' | 'TimelockController';

/** The platform's ABIs. They come without bytecode, so that a browser bundle stays small. */
export const contractInterfaces: Readonly<Record<ContractName, Interface>> = {
  LucidAnchors: new Interface(anchorsAbi),
  LucidGovernor: new Interface(governorAbi),
  LucidParams: new Interface(paramsAbi),
  LucidSeats: new Interface(seatsAbi),
  TimelockController: new Interface(timelockAbi),
};

/**
 * Decodes revert data by the union of all our ABIs: a call to one contract often fails inside another, so the ABI of
 * the contract called is not enough.
 * @returns undefined for empty data and for errors of foreign contracts.
 */
export function findRevert(data: string): ErrorDescription | undefined {
  if (!/^0x[0-9a-f]{8}/i.test(data)) return undefined;
  for (const contract of Object.values(contractInterfaces)) {
    const description = contract.parseError(data);
    if (description !== null) return description;
  }
  return undefined;
}
