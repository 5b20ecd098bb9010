import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewProposal, PreparedProposal, Proposal, VoteSupport } from '@lucid/common/apis/governance-schemas';
import { contractAddresses } from '@lucid/contracts/addresses';
import { encodeCancel, encodeCastVote } from '@lucid/contracts/governor';
import { FetchRequest, JsonRpcProvider, type Wallet } from 'ethers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { newWallet, startTestGovernance, type TestGovernance } from '../support/governance.ts';

let governance: TestGovernance;
let provider: JsonRpcProvider;
beforeAll(async () => {
  governance = await startTestGovernance();
  const request = new FetchRequest(`${governance.blockchainApiUrl}/rpc`);
  provider = new JsonRpcProvider(request, undefined, { cacheTimeout: -1 });
});
afterAll(async () => {
  provider?.destroy();
  await governance?.[Symbol.asyncDispose]();
});

const noFees = { type: 2, chainId: 20_251, maxFeePerGas: 0n, maxPriorityFeePerGas: 0n, gasLimit: 3_000_000n };

async function sign(wallet: Wallet, data: string, change: { to?: string; chainId?: number } = {}): Promise<string> {
  const nonce = await provider.getTransactionCount(wallet.address, 'pending');
  return await wallet.signTransaction({ ...noFees, to: contractAddresses.LucidGovernor, data, nonce, ...change });
}

const waitFor = <T>(check: () => Promise<T>) => vi.waitFor(check, { timeout: 30_000, interval: 30 });

const stateIs = (proposalId: string, state: Proposal['state']) =>
  waitFor(async () => {
    const proposal = await governance.client.getProposal({ params: { proposalId } });
    expect(proposal.state).toBe(state);
    return proposal;
  });

function newProposal(change: Partial<NewProposal> = {}): NewProposal {
  const [alice] = governance.members;
  const actions: NewProposal['actions'] = [{ type: 'setParam', key: 'anchorIntervalSec', value: '30' }];
  return { proposer: alice.address, title: `Proposal ${Math.random()}`, actions, ...change };
}

const prepare = (change: Partial<NewProposal> = {}): Promise<PreparedProposal> =>
  governance.client.prepareProposal({ body: newProposal(change) });

async function propose(change: Partial<NewProposal> = {}): Promise<Proposal> {
  const [alice] = governance.members;
  const prepared = await prepare(change);
  const rawTransaction = await sign(alice, prepared.transaction.data);
  return await governance.client.createProposal({ body: { rawTransaction } });
}

/** A proposal that can be voted on. */
async function proposeAndWait(change: Partial<NewProposal> = {}): Promise<string> {
  const { proposalId } = await propose(change);
  await stateIs(proposalId, 'active');
  return proposalId;
}

async function voteByTransaction(wallet: Wallet, proposalId: string, support: VoteSupport) {
  const { transaction } = await governance.client.prepareVote({
    params: { proposalId },
    body: { voter: wallet.address, support },
  });
  const rawTransaction = await sign(wallet, transaction.data);
  return await governance.client.createVote({ params: { proposalId }, body: { rawTransaction } });
}

async function signVote(wallet: Wallet, proposalId: string, support: VoteSupport, reason?: string) {
  const body = { voter: wallet.address, support, ...(reason === undefined ? {} : { reason }) };
  const { typedData } = await governance.client.prepareVote({ params: { proposalId }, body });
  const signature = await wallet.signTypedData(typedData.domain, typedData.types, typedData.message);
  return { ...body, signature };
}

async function voteBySignature(wallet: Wallet, proposalId: string, support: VoteSupport, reason?: string) {
  const body = await signVote(wallet, proposalId, support, reason);
  await governance.client.createSignedVote({ params: { proposalId }, body });
  return await waitFor(async () => {
    const status = await governance.client.getSignedVote({ params: { proposalId, voter: wallet.address } });
    expect(status.status).toBe('done');
    return status;
  });
}

const refusal = async (call: Promise<unknown>) =>
  await call.then(
    () => 'not refused',
    (error: { code: string }) => error.code,
  );

test('the rules, the parameters and the members are those of genesis', async () => {
  const { client, members } = governance;
  expect(await client.getGovernance()).toMatchObject({
    chainId: 20_251,
    guardian: governance.guardian.address,
    timelockDelaySec: 1,
    votingPeriodSec: 60,
    quorumPercent: 40,
    superQuorumPercent: 75,
    totalSeats: '100',
    contracts: { LucidGovernor: contractAddresses.LucidGovernor },
  });
  expect(await client.getParam({ params: { key: 'maxChunkSize' } })).toMatchObject({
    value: '16777216',
    min: '1048576',
    max: '67108864',
    unit: 'bytes',
  });
  const changes = await client.listParamChanges({ params: { key: 'maxChunkSize' } });
  expect(changes.items).toEqual([expect.objectContaining({ value: '16777216', blockNumber: 0 })]);
  const first = await client.listMembers({ query: { limit: 3 } });
  const second = await client.listMembers({ query: { limit: 3, ...(first.next ? { cursor: first.next } : {}) } });
  const addresses = [...first.items, ...second.items].map((member) => member.address);
  expect(addresses.toSorted()).toEqual(members.map((member) => member.address).toSorted());
  expect(await client.getMember({ params: { address: members[2].address.toLowerCase() } })).toMatchObject({
    seats: '25',
    votingPower: '25',
    delegate: members[2].address,
  });
});

test('a proposal is prepared, proposed, voted on both ways, queued, executed, and the parameter has its value', async () => {
  const { client, members } = governance;
  const [alice, bob, carol, dave] = members;
  const body = newProposal({ title: 'Smaller chunks', description: 'They fit *our* Pi.\n' });
  const actions: NewProposal['actions'] = [{ type: 'setParam', key: 'maxChunkSize', value: '2097152' }];
  const prepared = await client.prepareProposal({ body: { ...body, actions } });
  expect(prepared.calls[0]?.text).toBe('Set maxChunkSize to 2097152 bytes.');
  const rawTransaction = await sign(alice, prepared.transaction.data);
  const proposal = await client.createProposal({ body: { rawTransaction } });
  expect(proposal).toMatchObject({
    proposalId: prepared.proposalId,
    proposer: alice.address,
    title: 'Smaller chunks',
    description: 'They fit *our* Pi.\n',
    calls: [{ action: actions[0] }],
  });
  expect(await client.createProposal({ body: { rawTransaction } }), 'the same again').toMatchObject({
    proposalId: prepared.proposalId,
  });
  const { proposalId } = proposal;
  await stateIs(proposalId, 'active');
  await voteBySignature(bob, proposalId, 'for', 'Mine is small');
  const vote = await voteByTransaction(alice, proposalId, 'for');
  expect(vote).toMatchObject({ voter: alice.address, support: 'for', weight: '30' });
  await voteByTransaction(dave, proposalId, 'against');
  expect((await stateIs(proposalId, 'active')).votes).toEqual({ for: '60', against: '15', abstain: '0' });
  await voteBySignature(carol, proposalId, 'for');

  const executed = await stateIs(proposalId, 'executed');
  expect(executed).toMatchObject({
    votes: { for: '85', against: '15', abstain: '0' },
    quorum: '40',
    superQuorum: '75',
  });
  const jobs = await waitFor(async () => {
    const { queueing, execution } = await client.getProposal({ params: { proposalId } });
    expect([queueing?.status, execution?.status]).toEqual(['done', 'done']);
    return { queueing, execution };
  });
  expect(jobs.execution?.transactionHash).toMatch(/^0x/);
  expect(await client.getParam({ params: { key: 'maxChunkSize' } })).toMatchObject({ value: '2097152' });
  const changes = await client.listParamChanges({ params: { key: 'maxChunkSize' } });
  expect(changes.items).toMatchObject([
    { value: '2097152', previousValue: '16777216', proposalId },
    { value: '16777216' },
  ]);
  const votes = await client.listVotes({ params: { proposalId } });
  expect(votes.items.map(({ voter, reason }) => [voter, reason])).toEqual([
    [bob.address, 'Mine is small'],
    [alice.address, ''],
    [dave.address, ''],
    [carol.address, ''],
  ]);
});

test('seats are granted and taken', async () => {
  const { client, members } = governance;
  const [alice, bob, carol, dave] = members;
  const newcomer = newWallet().address;
  const proposalId = await proposeAndWait({
    actions: [
      { type: 'grantSeats', account: newcomer, seats: 3 },
      { type: 'revokeSeats', account: dave.address, seats: 14 },
    ],
  });
  for (const voter of [alice, bob, carol]) await voteBySignature(voter, proposalId, 'for');
  await stateIs(proposalId, 'executed');
  await waitFor(async () => {
    expect(await client.getMember({ params: { address: newcomer } })).toMatchObject({ seats: '3', votingPower: '3' });
    expect(await client.getMember({ params: { address: dave.address } })).toMatchObject({ seats: '1' });
  });
});

test('a proposal is cancelled by its proposer while it is pending, and by the guardian later', async () => {
  const { client, guardian, members } = governance;
  const proposalId = await proposeAndWait();
  const cancel = async (wallet: Wallet) => ({
    params: { proposalId },
    body: { rawTransaction: await sign(wallet, encodeCancel(BigInt(proposalId))) },
  });
  const tooLate = await client.cancelProposal(await cancel(members[0])).catch((error: unknown) => error);
  expect(tooLate).toMatchObject({
    code: 'GOVERNANCE_TRANSACTION_REFUSED',
    message: expect.stringMatching('GovernorUnableToCancel'),
  });
  expect(await client.cancelProposal(await cancel(guardian))).toMatchObject({ state: 'canceled' });
  expect(await refusal(client.cancelProposal(await cancel(guardian)))).toBe('GOVERNANCE_STATE_INVALID');
});

test('an execution the contracts refuse says why, and does not stop the others', async () => {
  const { client, members } = governance;
  const [alice, bob, carol] = members;
  const data = contractCallOutOfBounds();
  const badId = await proposeAndWait({
    actions: [{ type: 'contractCall', target: contractAddresses.LucidParams, data }],
  });
  const goodId = await proposeAndWait();
  for (const proposalId of [badId, goodId]) {
    for (const voter of [alice, bob, carol]) await voteBySignature(voter, proposalId, 'for');
  }
  await stateIs(goodId, 'executed');
  await waitFor(async () => {
    const { execution, state } = await client.getProposal({ params: { proposalId: badId } });
    expect(execution).toMatchObject({ status: 'refused', reason: expect.stringMatching('ParamsOutOfBounds') });
    expect(state).toBe('queued');
  });
  const again = await client.executeProposal({ params: { proposalId: badId } });
  expect(again.status).toBe('queued');
});

/** setParam("maxChunkSize", 1), which `prepare` does not look into when it comes as raw call data. */
function contractCallOutOfBounds(): string {
  const key = Buffer.from('maxChunkSize').toString('hex').padEnd(64, '0');
  const word = (value: number) => value.toString(16).padStart(64, '0');
  return `0x44d9da68${word(64)}${word(1)}${word(12)}${key}`;
}

describe('refusals', () => {
  let proposalId: string;
  beforeAll(async () => {
    proposalId = await proposeAndWait();
  });

  test('votes that are not the voter’s, not of this state, or come twice', async () => {
    const { client, members } = governance;
    const [alice, bob] = members;
    const params = { proposalId };
    const signed = await signVote(alice, proposalId, 'for');
    const send = (body: typeof signed) => refusal(client.createSignedVote({ params, body }));
    expect(await send({ ...signed, support: 'against' })).toBe('GOVERNANCE_SIGNATURE_INVALID');
    expect(await send({ ...signed, voter: bob.address })).toBe('GOVERNANCE_SIGNATURE_INVALID');
    expect(await send({ ...signed, signature: `0x${'00'.repeat(65)}` })).toBe('GOVERNANCE_SIGNATURE_INVALID');
    const outsider = newWallet();
    const asOutsider = { params, body: { voter: outsider.address, support: 'for' as const } };
    expect(await refusal(client.prepareVote(asOutsider))).toBe('GOVERNANCE_VOTING_POWER_MISSING');
    const opposite = await signVote(alice, proposalId, 'against');
    await voteBySignature(alice, proposalId, 'for');
    expect(await client.createSignedVote({ params, body: signed }), 'the same again').toMatchObject({ status: 'done' });
    expect(await send(opposite)).toBe('GOVERNANCE_VOTE_EXISTS');
    const rawTransaction = await sign(alice, encodeCastVote(BigInt(proposalId), 'against'));
    expect(await refusal(client.createVote({ params, body: { rawTransaction } }))).toBe('GOVERNANCE_VOTE_EXISTS');
    expect(await refusal(client.queueProposal({ params }))).toBe('GOVERNANCE_STATE_INVALID');
    expect(await refusal(client.executeProposal({ params }))).toBe('GOVERNANCE_STATE_INVALID');
  });

  test('transactions that are not what they should be', async () => {
    const { client, members } = governance;
    const [alice, bob] = members;
    const castVote = encodeCastVote(BigInt(proposalId), 'for');
    const vote = async (rawTransaction: string, id = proposalId) =>
      await refusal(client.createVote({ params: { proposalId: id }, body: { rawTransaction } }));
    expect(await vote('0x00')).toBe('GOVERNANCE_TRANSACTION_INVALID');
    expect(await vote(await sign(bob, castVote, { chainId: 1 }))).toBe('GOVERNANCE_TRANSACTION_INVALID');
    expect(await vote(await sign(bob, castVote, { to: alice.address }))).toBe('GOVERNANCE_TRANSACTION_INVALID');
    expect(await vote(await sign(bob, encodeCancel(BigInt(proposalId))))).toBe('GOVERNANCE_TRANSACTION_INVALID');
    expect(await vote(await sign(bob, encodeCastVote(5n, 'for')))).toBe('GOVERNANCE_TRANSACTION_INVALID');
    expect(await vote(await sign(bob, castVote), '5')).toBe('GOVERNANCE_PROPOSAL_NOT_FOUND');
    expect(await vote(await sign(newWallet(), castVote))).toBe('GOVERNANCE_TRANSACTION_REFUSED');
    const announced = await prepare();
    const stolen = await sign(bob, announced.transaction.data);
    const theft = await client.createProposal({ body: { rawTransaction: stolen } }).catch((error: unknown) => error);
    expect(theft).toMatchObject({
      code: 'GOVERNANCE_TRANSACTION_REFUSED',
      data: { revert: expect.stringMatching('GovernorRestrictedProposer') },
    });
  });

  test('actions that could never execute', async () => {
    const { members } = governance;
    const [alice, , , dave] = members;
    const over = (action: NewProposal['actions'][number]) => refusal(prepare({ actions: [action] }));
    expect(await over({ type: 'setParam', key: 'maxChunkSize', value: '1' })).toBe('GOVERNANCE_PARAM_OUT_OF_BOUNDS');
    expect(await over({ type: 'setParam', key: 'maxChunkSize', value: '9'.repeat(78) })).toBe(
      'GOVERNANCE_ACTION_INVALID',
    );
    expect(await over({ type: 'setParam', key: 'unknown', value: '1' })).toBe('GOVERNANCE_PARAM_NOT_FOUND');
    expect(await over({ type: 'revokeSeats', account: dave.address, seats: 500 })).toBe('GOVERNANCE_ACTION_INVALID');
    expect(await refusal(prepare({ proposer: newWallet().address }))).toBe('GOVERNANCE_VOTING_POWER_MISSING');
    const body = newProposal();
    const { transaction } = await governance.client.prepareProposal({ body });
    await governance.client.createProposal({ body: { rawTransaction: await sign(alice, transaction.data) } });
    expect(await refusal(governance.client.prepareProposal({ body }))).toBe('GOVERNANCE_PROPOSAL_EXISTS');
  });
});

test('proposals are listed newest first, page by page, by state and by proposer', async () => {
  const { client, members } = governance;
  const all: Proposal[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await client.listProposals({ query: { limit: 2, ...(cursor ? { cursor } : {}) } });
    all.push(...page.items);
    cursor = page.next;
    if (cursor === undefined) break;
  }
  expect(all.length).toBeGreaterThan(5);
  expect(new Set(all.map((proposal) => proposal.proposalId)).size).toBe(all.length);
  expect(all.map((proposal) => proposal.blockNumber)).toEqual(all.map((p) => p.blockNumber).toSorted((a, b) => b - a));
  const canceled = await client.listProposals({ query: { state: 'canceled' } });
  expect(canceled.items.map((proposal) => proposal.state)).toEqual(['canceled']);
  expect((await client.listProposals({ query: { proposer: members[1].address } })).items).toEqual([]);
});

test('the index is rebuilt from the chain when its folder is deleted, equal to the one before', async () => {
  const { client, dataDir } = governance;
  const read = async () => ({
    proposals: (await client.listProposals({ query: { limit: 200 } })).items,
    members: (await client.listMembers()).items,
    params: (await client.listParams()).items,
    changes: (await client.listParamChanges({ params: { key: 'maxChunkSize' } })).items,
  });
  const before = await read();
  await governance.stop();
  await rm(join(dataDir, 'index'), { recursive: true });
  await governance.start();
  const after = await read();
  const settled = ({ proposals, ...rest }: typeof before) => ({
    ...rest,
    proposals: proposals.map((proposal) => ({ ...proposal, state: '', execution: {}, queueing: {} })),
  });
  expect(settled(after)).toEqual(settled(before));
});

test('with the chain away reads go on, readiness says so, and writes are refused quickly', async () => {
  const { client, url, members } = governance;
  const proposalId = await proposeAndWait();
  const signed = await signVote(members[1], proposalId, 'for');
  await governance.stopBlockchainApi();
  expect((await client.getProposal({ params: { proposalId } })).title).toMatch('Proposal');
  await waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(503));
  const vote = client.createSignedVote({ params: { proposalId }, body: signed });
  expect(await refusal(vote)).toBe('DEPENDENCY_UNAVAILABLE');
});
