import { concat } from 'ethers';
import { contractAddresses, creationOrder } from './addresses.ts';
import { creationBytecode } from './bytecode.ts';
import { type GenesisConfig, verifyGenesisConfig } from './genesis-config.ts';
import { type ContractName, contractInterfaces } from './interfaces.ts';
import { paramSpecs } from './params.ts';

/** What the chain runs, in order, before its first block. Every step is sent by `genesisDeployer`. */
export type GenesisStep =
  | {
      readonly kind: 'create';
      readonly name: ContractName;
      /** Where the contract must come to be: CREATE's address for the step's position as nonce. */
      readonly address: string;
      readonly initCode: string;
    }
  | { readonly kind: 'call'; readonly from: string; readonly to: string; readonly data: string };

/**
 * The platform's contracts as genesis steps; the n-th creation uses the deployer's nonce n, counted from 0.
 * All rights are given by constructor arguments, so there is no administrator to renounce afterwards: the timelock
 * administers itself, the anchors, the seats and the parameters, and only the governor may propose to it, cancel or
 * execute. Run it with the genesis block's timestamp and chain id, which the contracts read.
 * @throws AppError GENESIS_CONFIG_INVALID
 */
export function genesisPlan(config: GenesisConfig): GenesisStep[] {
  verifyGenesisConfig(config);
  const constructorArgs = constructorArguments(config);
  return creationOrder.map((name) => ({
    kind: 'create',
    name,
    address: contractAddresses[name],
    initCode: concat([creationBytecode[name], contractInterfaces[name].encodeDeploy(constructorArgs[name])]),
  }));
}

function constructorArguments(config: GenesisConfig): Record<ContractName, readonly unknown[]> {
  const { LucidGovernor: governor, LucidSeats: seats, TimelockController: timelock } = contractAddresses;
  const noAdmin = '0x0000000000000000000000000000000000000000';
  return {
    TimelockController: [config.timelockDelaySec, [governor], [governor], noAdmin],
    LucidSeats: [timelock, config.members.map((member) => [member.address, member.seats])],
    LucidGovernor: [
      seats,
      timelock,
      [
        config.guardian,
        config.votingDelaySec,
        config.votingPeriodSec,
        config.lateQuorumExtensionSec,
        config.proposalThreshold,
        config.quorumNumerator,
        config.superQuorumNumerator,
      ],
    ],
    LucidParams: [timelock, paramSpecs.map(({ key, value, min, max }) => [key, config.params[key] ?? value, min, max])],
    LucidAnchors: [timelock, config.anchorers],
  };
}
