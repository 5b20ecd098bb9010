import { ZeroAddress } from 'ethers';
import { describe, expect, test } from 'vitest';
import { contractAddresses } from '../src/addresses.ts';
import {
  bindDescription,
  encodeCancel,
  encodeCastVote,
  encodePropose,
  encodeQueue,
  findGovernorEvent,
  type ProposalCall,
  proposalId,
  proposalStates,
} from '../src/governor.ts';
import { contractInterfaces, describeRevert } from '../src/interfaces.ts';
import { encodeSetParam } from '../src/params.ts';
import { TestChain, testConfig, wallet } from './test-chain.ts';

const { LucidGovernor: governor, LucidParams: params } = contractAddresses;
const [a, b, c] = [wallet(0).address, wallet(1).address, wallet(2).address];
const guardian = wallet(9).address;

const aChange: ProposalCall[] = [{ target: params, value: 0n, data: encodeSetParam('anchorIntervalSec', 30n) }];
const newGuardian = (address: string): ProposalCall => ({
  target: governor,
  value: 0n,
  data: contractInterfaces.LucidGovernor.encodeFunctionData('setProposalGuardian', [address]),
});

async function propose(chain: TestChain, calls: readonly ProposalCall[]): Promise<bigint> {
  const description = bindDescription('A change', a);
  await chain.send(a, governor, encodePropose(calls, description));
  return proposalId(calls, description);
}

async function pass(chain: TestChain, calls: readonly ProposalCall[]): Promise<bigint> {
  const proposal = await propose(chain, calls);
  chain.advance(61);
  for (const voter of [a, b, c]) await chain.send(voter, governor, encodeCastVote(proposal, 'for'));
  await chain.send(a, governor, encodeQueue(proposal));
  return proposal;
}

const stateOf = async (chain: TestChain, proposal: bigint) =>
  proposalStates[Number((await chain.read('LucidGovernor', 'state', [proposal]))[0])];

async function open(change: Partial<typeof testConfig> = {}): Promise<TestChain> {
  const chain = await TestChain.open({ ...testConfig, ...change });
  chain.advance(1);
  return chain;
}

describe('cancelling', () => {
  test('what members decided is not for the proposer to take back, without a guardian either', async () => {
    const chain = await open({ guardian: ZeroAddress });
    const proposal = await propose(chain, aChange);
    chain.advance(61);
    await expect(chain.send(a, governor, encodeCancel(proposal))).rejects.toThrow('GovernorUnableToCancel');
    for (const voter of [a, b, c]) await chain.send(voter, governor, encodeCastVote(proposal, 'for'));
    await chain.send(a, governor, encodeQueue(proposal));
    await expect(chain.send(a, governor, encodeCancel(proposal))).rejects.toThrow('GovernorUnableToCancel');
    expect(await stateOf(chain, proposal)).toBe('queued');
  });

  test('a captured guardian cannot stop its own replacement, and stops one that carries something else', async () => {
    const chain = await open();
    const replacement = await pass(chain, [newGuardian(ZeroAddress)]);
    await expect(chain.send(guardian, governor, encodeCancel(replacement))).rejects.toThrow('GovernorUnableToCancel');
    const loaded = await pass(chain, [newGuardian(ZeroAddress), ...aChange]);
    await chain.send(guardian, governor, encodeCancel(loaded));
    expect(await stateOf(chain, loaded)).toBe('canceled');
  });
});

describe('a vote ends early only when the rest could not turn it', () => {
  const members = (...seats: number[]) => seats.map((count, i) => ({ address: wallet(i).address, seats: count }));
  const cases: [string, readonly { address: string; seats: number }[], number, bigint, bigint][] = [
    ['one of two', members(1, 1), 75, 1n, 2n],
    ['one of three, at 51 percent', members(1, 1, 1), 51, 2n, 2n],
    ['half of a hundred, at 50 percent', members(50, 50), 50, 40n, 51n],
    ['the founder alone', members(1), 75, 1n, 1n],
  ];
  test.each(cases)('%s', async (_name, seats, superQuorumNumerator, quorum, superQuorum) => {
    const chain = await open({ members: seats, superQuorumNumerator });
    const proposal = await propose(chain, aChange);
    chain.advance(61);
    const snapshot = chain.time - 1;
    expect(await chain.read('LucidGovernor', 'quorum', [snapshot])).toEqual([quorum]);
    expect(await chain.read('LucidGovernor', 'superQuorum', [snapshot])).toEqual([superQuorum]);
    await chain.send(a, governor, encodeCastVote(proposal, 'for'));
    expect(await stateOf(chain, proposal)).toBe(seats.length === 1 ? 'succeeded' : 'active');
  });
});

describe('text that is no UTF-8 stops no reader', () => {
  const bad = Uint8Array.from([0x68, 0x69, 0xff]);
  const withBytes = (signature: string, args: unknown[]) => {
    const [name = '', types = ''] = signature.split(/[()]/);
    const method = contractInterfaces.LucidGovernor.getFunction(name);
    if (method === null) throw new Error(name);
    const coder = contractInterfaces.LucidGovernor.getAbiCoder();
    return method.selector + coder.encode(types.split(','), args).slice(2);
  };

  test('a reason, a description', async () => {
    const chain = await open();
    const propose = withBytes('propose(address[],uint256[],bytes[],bytes)', [[params], [0], [aChange[0]?.data], bad]);
    const [created] = await chain.send(a, governor, propose);
    const event = created && findGovernorEvent(created);
    expect(event).toMatchObject({ kind: 'proposalCreated', proposer: a, description: 'hi\ufffd' });
    if (event?.kind !== 'proposalCreated') throw new Error('not created');
    chain.advance(61);
    const vote = withBytes('castVoteWithReason(uint256,uint8,bytes)', [event.proposalId, 1, bad]);
    const [cast] = await chain.send(b, governor, vote);
    expect(cast && findGovernorEvent(cast)).toMatchObject({ kind: 'voteCast', voter: b, reason: 'hi\ufffd' });
  });

  test('a revert', () => {
    const data = `0x08c379a0${contractInterfaces.LucidParams.getAbiCoder().encode(['bytes'], [bad]).slice(2)}`;
    expect(describeRevert(data)).toBe('Error(unreadable)');
    expect(describeRevert('0x08c379a0ff')).toBeUndefined();
    expect(describeRevert('0x')).toBeUndefined();
  });
});
