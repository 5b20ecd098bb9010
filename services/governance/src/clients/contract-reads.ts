import { contractAddresses } from '@lucid/contracts/addresses';
import { type ContractName, contractInterfaces } from '@lucid/contracts/interfaces';
import { toQuantity } from 'ethers';
import type { MemberRecord, ParamRecord, Settings } from '../domain/model.ts';
import type { Rpc, RpcCall } from './rpc.ts';

// Views of the governance contracts, as of a block.

/** A call of a contract's view. */
export interface View {
  readonly contract: ContractName;
  readonly method: string;
  readonly args?: readonly unknown[];
}

/** Calls views in one batch; each answer is the list of the function's results. */
export async function readViews(rpc: Rpc, block: number | 'latest', views: readonly View[]): Promise<unknown[][]> {
  const tag = block === 'latest' ? block : toQuantity(block);
  const answers = await rpc.batch(views.map((view) => toCall(view, tag)));
  return views.map(({ contract, method }, i) =>
    contractInterfaces[contract].decodeFunctionResult(method, String(answers[i])).toArray(true),
  );
}

export async function readSettings(rpc: Rpc, block: number): Promise<Settings> {
  const ofGovernor = [
    'proposalGuardian',
    'votingDelay',
    'votingPeriod',
    'lateQuorumVoteExtension',
    'quorumNumerator()',
    'superQuorumNumerator()',
    'proposalThreshold',
  ].map((method): View => ({ contract: 'LucidGovernor', method }));
  const [chainId, views] = await Promise.all([
    rpc.call('eth_chainId', []),
    readViews(rpc, block, [
      ...ofGovernor,
      { contract: 'TimelockController', method: 'getMinDelay' },
      { contract: 'LucidSeats', method: 'totalSupply' },
    ]),
  ]);
  const [guardian, delay, period, extension, quorum, superQuorum, threshold, timelock, seats] = views.map(
    ([value]) => value,
  );
  return {
    chainId: Number(chainId),
    guardian: String(guardian),
    votingDelaySec: Number(delay),
    votingPeriodSec: Number(period),
    timelockDelaySec: Number(timelock),
    lateQuorumExtensionSec: Number(extension),
    quorumPercent: Number(quorum),
    superQuorumPercent: Number(superQuorum),
    proposalThreshold: BigInt(String(threshold)),
    totalSeats: BigInt(String(seats)),
  };
}

export async function readParams(rpc: Rpc, block: number): Promise<ParamRecord[]> {
  const [answer] = await readViews(rpc, block, [{ contract: 'LucidParams', method: 'listParams' }]);
  const params = answer?.[0] as [string, bigint, bigint, bigint][];
  return params.map(([key, value, min, max]) => ({ key, value, min, max }));
}

const membersPerCall = 200;

/** Everybody who holds seats, by address. */
export async function readMembers(rpc: Rpc, block: number): Promise<MemberRecord[]> {
  const found: [string, bigint][] = [];
  for (let offset = 0; ; offset += membersPerCall) {
    const view = { contract: 'LucidSeats', method: 'listMembers', args: [offset, membersPerCall] } as const;
    const [answer] = await readViews(rpc, block, [view]);
    const members = answer?.[0] as [string, bigint][];
    found.push(...members);
    if (members.length < membersPerCall) break;
  }
  const power = await readViews(
    rpc,
    block,
    found.flatMap(([address]): View[] => [
      { contract: 'LucidSeats', method: 'getVotes', args: [address] },
      { contract: 'LucidSeats', method: 'delegates', args: [address] },
    ]),
  );
  const members = found.map(([address, seats], i) => ({
    address,
    seats,
    votingPower: BigInt(String(power[2 * i]?.[0])),
    delegate: String(power[2 * i + 1]?.[0]),
  }));
  return members.toSorted((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
}

function toCall({ contract, method, args = [] }: View, tag: string): RpcCall {
  const data = contractInterfaces[contract].encodeFunctionData(method, args);
  return { method: 'eth_call', params: [{ to: contractAddresses[contract], data }, tag] };
}
