import anchors from '../artifacts/LucidAnchors.json' with { type: 'json' };
import governor from '../artifacts/LucidGovernor.json' with { type: 'json' };
import params from '../artifacts/LucidParams.json' with { type: 'json' };
import seats from '../artifacts/LucidSeats.json' with { type: 'json' };
import timelock from '../artifacts/TimelockController.json' with { type: 'json' };
import type { ContractName } from './interfaces.ts';

/** Creation bytecode without constructor arguments, 0x hex. Kept apart from the interfaces: a browser needs none. */
export const creationBytecode: Readonly<Record<ContractName, string>> = {
  LucidAnchors: anchors.bytecode,
  LucidGovernor: governor.bytecode,
  LucidParams: params.bytecode,
  LucidSeats: seats.bytecode,
  TimelockController: timelock.bytecode,
};
