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
 * the contract called is not enough. Reading one of its `args` throws when the text in it is not UTF-8.
 * @returns undefined for empty data, malformed data and errors of foreign contracts.
 */
export function findRevert(data: string): ErrorDescription | undefined {
  if (!/^0x[0-9a-f]{8}/i.test(data)) return undefined;
  for (const contract of Object.values(contractInterfaces)) {
    try {
      const description = contract.parseError(data);
      if (description !== null) return description;
    } catch {
      return undefined; // The selector is one of ours, the arguments are not.
    }
  }
  return undefined;
}

/** Revert data in words, `SeatsUnauthorized(0x…)`; never throws, whoever wrote the data. As `findRevert` otherwise. */
export function describeRevert(data: string): string | undefined {
  const revert = findRevert(data);
  if (revert === undefined) return undefined;
  const args = revert.fragment.inputs.map((_input, index) => describeArgument(revert, index));
  return `${revert.name}(${args.join(', ')})`;
}

function describeArgument({ args }: ErrorDescription, index: number): string {
  try {
    return String(args[index]);
  } catch {
    return 'unreadable';
  }
}
