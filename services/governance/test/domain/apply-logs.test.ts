import { contractAddresses } from '@lucid/contracts/addresses';
import { contractInterfaces } from '@lucid/contracts/interfaces';
import { solidityPacked } from 'ethers';
import { expect, test } from 'vitest';
import { applyLogs } from '../../src/domain/apply-logs.ts';
import type { ChainLog } from '../../src/domain/chain.ts';
import { newProposal } from './records.ts';

const voter = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
const stored = newProposal();

type Name = keyof typeof contractInterfaces;

function log(contract: Name, event: string, args: readonly unknown[], blockNumber = 5, logIndex = 0): ChainLog {
  const { topics, data } = contractInterfaces[contract].encodeEventLog(event, args);
  const transactionHash = `0x${String(blockNumber).padStart(64, '0')}`;
  return { address: contractAddresses[contract].toLowerCase(), topics, data, blockNumber, logIndex, transactionHash };
}

const apply = (...logs: ChainLog[]) =>
  applyLogs(logs, {
    timestamps: new Map(logs.map((entry) => [entry.blockNumber, 1_000 + entry.blockNumber])),
    findProposal: (id) => (id === stored.proposalId ? stored : undefined),
  });

const vote = (support: number, weight: bigint, blockNumber = 5) =>
  log('LucidGovernor', 'VoteCast', [voter, 7n, support, weight, 'why'], blockNumber);

test('votes are counted, split ones by their parts', () => {
  const params = solidityPacked(['uint128', 'uint128', 'uint128'], [10n, 4n, 1n]);
  const split = log('LucidGovernor', 'VoteCastWithParams', [voter, 7n, 255, 15n, '', params], 6);
  const { proposals, votes, isCurrentStale } = apply(vote(1, 30n), split);
  expect(proposals.get(7n)?.votes).toEqual({ for: 34n, against: 10n, abstain: 1n });
  expect(votes.map(({ support, votes: tally }) => [support, tally.for])).toEqual([
    ['for', 30n],
    ['split', 4n],
  ]);
  expect(isCurrentStale).toBe(false);
});

test('a proposal’s life, in one run of logs', () => {
  const args = [8n, voter, [contractAddresses.LucidParams], [0n], [''], ['0x'], 1_010n, 1_020n, 'text'];
  const { proposals } = apply(
    log('LucidGovernor', 'ProposalCreated', args, 5),
    log('LucidGovernor', 'ProposalExtended', [8n, 1_030n], 6),
    log('LucidGovernor', 'ProposalQueued', [8n, 1_100n], 7),
    log('LucidGovernor', 'ProposalExecuted', [8n], 8),
  );
  expect(proposals.get(8n)).toMatchObject({
    voteStart: 1_010,
    voteEnd: 1_030,
    eta: 1_100,
    queuedAt: { blockNumber: 7 },
    executedAt: { blockNumber: 8, timestamp: 1_008 },
  });
});

test('a parameter’s change names the proposal executed in its transaction', () => {
  const { paramChanges, isCurrentStale } = apply(
    log('LucidParams', 'ParamUpdated', ['maxChunkSize', 5n, 6n], 9, 0),
    log('LucidGovernor', 'ProposalExecuted', [7n], 9, 1),
    log('LucidParams', 'ParamUpdated', ['anchorIntervalSec', 60n, 30n], 10),
  );
  expect(paramChanges).toMatchObject([
    { key: 'maxChunkSize', previousValue: 5n, value: 6n, proposalId: 7n },
    { key: 'anchorIntervalSec', value: 30n },
  ]);
  expect(paramChanges[1]).not.toHaveProperty('proposalId');
  expect(isCurrentStale).toBe(true);
});

test('seats and rules make what is current stale, the timelock’s traffic does not', () => {
  const hash = `0x${'00'.repeat(32)}`;
  expect(apply(log('TimelockController', 'CallExecuted', [hash, 0n, voter, 0n, '0x'])).isCurrentStale).toBe(false);
  expect(apply(log('TimelockController', 'MinDelayChange', [1n, 2n])).isCurrentStale).toBe(true);
  expect(apply(log('LucidSeats', 'DelegateVotesChanged', [voter, 1n, 2n])).isCurrentStale).toBe(true);
  expect(apply(log('LucidGovernor', 'VotingDelaySet', [1n, 2n])).isCurrentStale).toBe(true);
});
