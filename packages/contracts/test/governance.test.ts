import { beforeEach, describe, expect, test } from 'vitest';
import { contractAddresses } from '../src/addresses.ts';
import {
  ballotNonce,
  ballotTypedData,
  bindDescription,
  encodeCancel,
  encodeCastVote,
  encodeCastVoteBySig,
  encodeExecute,
  encodePropose,
  encodeQueue,
  findGovernorEvent,
  type ProposalCall,
  proposalId,
  proposalStates,
  type SignedVote,
  type VoteSupport,
} from '../src/governor.ts';
import { encodeSetParam, findParamUpdate } from '../src/params.ts';
import { encodeGrantSeats, encodeRevokeSeats, findSeatsEvent } from '../src/seats.ts';
import { CHAIN_ID, TestChain, wallet } from './test-chain.ts';

const { LucidGovernor: governor, LucidParams: params, LucidSeats: seats } = contractAddresses;
const [a, b, c, d] = [wallet(0), wallet(1), wallet(2), wallet(3)];
const relayer = wallet(7).address;

const setParam = (key: string, value: bigint): ProposalCall[] => [
  { target: params, value: 0n, data: encodeSetParam(key, value) },
];

let chain: TestChain;
beforeEach(async () => {
  chain = await TestChain.open();
  chain.advance(1);
});

const toGovernor = (from: string, data: string) => chain.send(from, governor, data);
const vote = (from: string, proposal: bigint, support: VoteSupport) =>
  toGovernor(from, encodeCastVote(proposal, support));
const state = async (proposal: bigint) =>
  proposalStates[Number((await chain.read('LucidGovernor', 'state', [proposal]))[0])];

async function propose(calls: readonly ProposalCall[], text = 'A change'): Promise<bigint> {
  const description = bindDescription(text, a.address);
  await toGovernor(a.address, encodePropose(calls, description));
  return proposalId(calls, description);
}

async function signVote(
  voter: typeof a,
  proposal: bigint,
  support: VoteSupport,
  reason = '',
  chainId = CHAIN_ID,
): Promise<SignedVote> {
  const unsigned = { proposalId: proposal, support, voter: voter.address, reason };
  const { domain, types, message } = ballotTypedData(chainId, unsigned, ballotNonce(proposal));
  return { ...unsigned, signature: await voter.signTypedData(domain, types, message) };
}

const relay = (ballot: SignedVote) => toGovernor(relayer, encodeCastVoteBySig(ballot));

async function pass(proposal: bigint): Promise<void> {
  chain.advance(61);
  for (const voter of [a, b, c]) await vote(voter.address, proposal, 'for');
  await toGovernor(relayer, encodeQueue(proposal));
  chain.advance(3_600);
}

test('a proposal lives from its creation to a changed parameter', async () => {
  const calls = setParam('maxChunkSize', 2_097_152n);
  const description = bindDescription('Smaller chunks', a.address);
  const [created] = await toGovernor(a.address, encodePropose(calls, description));
  const proposal = proposalId(calls, description);
  expect(created && findGovernorEvent(created)).toEqual({
    kind: 'proposalCreated',
    proposalId: proposal,
    proposer: a.address,
    calls,
    voteStart: chain.time + 60,
    voteEnd: chain.time + 60 + 86_400,
    description,
  });
  expect(await state(proposal)).toBe('pending');
  await expect(vote(a.address, proposal, 'for')).rejects.toThrow('GovernorUnexpectedProposalState');

  chain.advance(61);
  expect(await state(proposal)).toBe('active');
  const [cast] = await relay(await signVote(b, proposal, 'for', 'It fits our Pi'));
  expect(cast && findGovernorEvent(cast)).toMatchObject({
    kind: 'voteCast',
    voter: b.address,
    support: 1,
    weight: 30n,
    reason: 'It fits our Pi',
  });
  await vote(a.address, proposal, 'for');
  await vote(d.address, proposal, 'against');
  expect(await state(proposal)).toBe('active');
  await relay(await signVote(c, proposal, 'for'));
  expect(await chain.read('LucidGovernor', 'proposalVotes', [proposal])).toEqual([15n, 85n, 0n]);
  expect(await state(proposal), 'the super quorum ends the vote early').toBe('succeeded');

  const [queued] = await toGovernor(relayer, encodeQueue(proposal));
  expect(queued && findGovernorEvent(queued)).toBeUndefined();
  expect(await chain.read('LucidGovernor', 'proposalEta', [proposal])).toEqual([BigInt(chain.time + 3_600)]);
  await expect(toGovernor(relayer, encodeExecute(proposal))).rejects.toThrow('TimelockUnexpectedOperationState');
  chain.advance(3_600);
  const logs = await toGovernor(relayer, encodeExecute(proposal));
  const update = logs.filter((log) => log.address === params.toLowerCase()).map((log) => findParamUpdate(log));
  expect(update).toEqual([{ key: 'maxChunkSize', oldValue: 16_777_216n, newValue: 2_097_152n }]);
  expect(await state(proposal)).toBe('executed');
  expect(await chain.read('LucidParams', 'getParam', ['maxChunkSize'])).toEqual([2_097_152n]);
  await expect(toGovernor(relayer, encodeExecute(proposal))).rejects.toThrow('GovernorUnexpectedProposalState');
});

describe('signed votes', () => {
  let proposal: bigint;
  beforeEach(async () => {
    proposal = await propose(setParam('anchorIntervalSec', 30n));
    chain.advance(61);
  });

  test('count once, for what was signed, on this chain, by the signer', async () => {
    const ballot = await signVote(b, proposal, 'for');
    await expect(relay({ ...ballot, support: 'against' })).rejects.toThrow('GovernorInvalidSignature');
    await expect(relay({ ...ballot, voter: c.address })).rejects.toThrow('GovernorInvalidSignature');
    await expect(relay({ ...ballot, reason: 'added' })).rejects.toThrow('GovernorInvalidSignature');
    await expect(relay(await signVote(c, proposal, 'for', '', 1))).rejects.toThrow('GovernorInvalidSignature');
    await relay(ballot);
    await expect(relay(ballot)).rejects.toThrow(/GovernorInvalidSignature|GovernorAlreadyCastVote/);
    await expect(vote(b.address, proposal, 'against')).rejects.toThrow('GovernorAlreadyCastVote');
  });

  test('on two proposals, signed offline together, are relayed in either order', async () => {
    const other = await propose(setParam('anchorIntervalSec', 40n), 'Another');
    chain.advance(61);
    const ballots = [await signVote(b, proposal, 'for'), await signVote(b, other, 'abstain')];
    for (const ballot of ballots.toReversed()) await relay(ballot);
    expect(await chain.read('LucidGovernor', 'proposalVotes', [other])).toEqual([0n, 0n, 30n]);
  });
});

describe('attacks are refused by name', () => {
  const calls = setParam('anchorIntervalSec', 30n);

  test('proposing first what another announced', async () => {
    const data = encodePropose(calls, bindDescription('Mine', a.address));
    await expect(toGovernor(b.address, data)).rejects.toThrow('GovernorRestrictedProposer');
    await toGovernor(a.address, data);
  });

  test('proposing or voting without a seat, cancelling what is not yours', async () => {
    const spam = encodePropose(calls, bindDescription('Spam', relayer));
    await expect(toGovernor(relayer, spam)).rejects.toThrow('GovernorInsufficientProposerVotes');
    const proposal = await propose(calls);
    await expect(toGovernor(b.address, encodeCancel(proposal))).rejects.toThrow('GovernorUnableToCancel');
    chain.advance(61);
    await expect(vote(relayer, proposal, 'for')).rejects.toThrow('GovernorAlreadyCastVote');
  });

  test('moving seats', async () => {
    const move = (method: string, args: unknown[]) => chain.transact(a.address, 'LucidSeats', method, args);
    await expect(move('transfer', [d.address, 5])).rejects.toThrow('SeatsNotTransferable');
    await move('approve', [a.address, 5]);
    await expect(move('transferFrom', [a.address, d.address, 5])).rejects.toThrow('SeatsNotTransferable');
  });

  test('seats delegated after the snapshot', async () => {
    const proposal = await propose(calls);
    chain.advance(61);
    await chain.transact(b.address, 'LucidSeats', 'delegate', [a.address]);
    const [cast] = await vote(a.address, proposal, 'for');
    expect(cast && findGovernorEvent(cast)).toMatchObject({ weight: 30n });
  });

  test('the guardian cancels and does nothing else', async () => {
    const guardian = wallet(9).address;
    const proposal = await propose(calls);
    chain.advance(61);
    for (const voter of [a, b, c]) await vote(voter.address, proposal, 'for');
    await toGovernor(relayer, encodeQueue(proposal));
    await expect(chain.send(guardian, params, encodeSetParam('anchorIntervalSec', 1n))).rejects.toThrow(
      'ParamsUnauthorized',
    );
    await toGovernor(guardian, encodeCancel(proposal));
    expect(await state(proposal)).toBe('canceled');
    chain.advance(3_600);
    await expect(toGovernor(relayer, encodeExecute(proposal))).rejects.toThrow('GovernorUnexpectedProposalState');
  });

  test('a swing in the last minutes: the quorum reached late extends the vote', async () => {
    const proposal = await propose(calls);
    chain.advance(60 + 86_400 - 600);
    await vote(a.address, proposal, 'for');
    const logs = await vote(c.address, proposal, 'for');
    const extension = logs.map((log) => findGovernorEvent(log)).find((event) => event?.kind === 'proposalExtended');
    expect(extension).toEqual({ kind: 'proposalExtended', proposalId: proposal, voteEnd: chain.time + 7_200 });
  });

  test('a value out of bounds passes the vote and fails at execution', async () => {
    const proposal = await propose(setParam('maxChunkSize', 1n));
    await pass(proposal);
    await expect(toGovernor(relayer, encodeExecute(proposal))).rejects.toThrow('ParamsOutOfBounds');
  });
});

test('without a quorum a proposal is defeated', async () => {
  const proposal = await propose(setParam('anchorIntervalSec', 30n));
  chain.advance(61);
  await vote(a.address, proposal, 'for');
  chain.advance(86_400);
  expect(await state(proposal)).toBe('defeated');
});

test('seats are granted and taken by vote, the last one never', async () => {
  const newcomer = wallet(5).address;
  const calls = [
    { target: seats, value: 0n, data: encodeGrantSeats(newcomer, 3n) },
    { target: seats, value: 0n, data: encodeRevokeSeats(d.address, 15n) },
  ];
  const first = await propose(calls);
  await pass(first);
  const logs = await toGovernor(relayer, encodeExecute(first));
  const events = logs.filter((log) => log.address === seats.toLowerCase()).map((log) => findSeatsEvent(log));
  expect(events).toContainEqual({ kind: 'seatsGranted', account: newcomer, seats: 3n });
  expect(events).toContainEqual({ kind: 'votingPowerChanged', account: newcomer, votingPower: 3n });
  expect(events).toContainEqual({ kind: 'seatsRevoked', account: d.address, seats: 15n });
  const [members] = await chain.read('LucidSeats', 'listMembers', [0, 10]);
  expect(members).toEqual([
    [a.address, 30n],
    [b.address, 30n],
    [c.address, 25n],
    [newcomer, 3n],
  ]);

  const everyone = [
    [a.address, 30n],
    [b.address, 30n],
    [c.address, 25n],
    [newcomer, 3n],
  ] as const;
  const suicide = everyone.map(([account, amount]) => ({
    target: seats,
    value: 0n,
    data: encodeRevokeSeats(account, amount),
  }));
  const second = await propose(suicide, 'Close');
  await pass(second);
  await expect(toGovernor(relayer, encodeExecute(second))).rejects.toThrow('SeatsLastSeat');
});
