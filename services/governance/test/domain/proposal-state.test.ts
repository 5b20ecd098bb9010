import { expect, test } from 'vitest';
import { dueJob } from '../../src/domain/executor.ts';
import type { ProposalRecord } from '../../src/domain/model.ts';
import { isFinal, proposalState } from '../../src/domain/proposal-state.ts';
import { at, newProposal } from './records.ts';

const votes = (forVotes: bigint, against = 0n, abstain = 0n) => ({ for: forVotes, against, abstain });
const unknownQuorum = newProposal();
delete (unknownQuorum as { quorum?: bigint }).quorum;

test.each<[string, string, ProposalRecord, number]>([
  ['at its snapshot', 'pending', newProposal(), 100],
  ['a second later', 'active', newProposal(), 101],
  ['in its last second', 'active', newProposal({ votes: votes(74n) }), 200],
  ['with a super quorum', 'succeeded', newProposal({ votes: votes(75n) }), 150],
  ['with as many against', 'active', newProposal({ votes: votes(75n, 75n) }), 150],
  ['without a vote', 'defeated', unknownQuorum, 201],
  ['below the quorum', 'defeated', newProposal({ votes: votes(39n) }), 201],
  ['with the quorum by abstentions', 'succeeded', newProposal({ votes: votes(1n, 0n, 39n) }), 201],
  ['with a tie', 'defeated', newProposal({ votes: votes(40n, 40n) }), 201],
  ['with a majority', 'succeeded', newProposal({ votes: votes(41n, 40n) }), 201],
  ['in the timelock', 'queued', newProposal({ votes: votes(41n), eta: 300 }), 250],
  ['canceled in the timelock', 'canceled', newProposal({ eta: 300, canceledAt: at(9) }), 250],
  ['executed', 'executed', newProposal({ eta: 300, executedAt: at(9) }), 301],
])('a proposal %s is %s', (_name, state, proposal, now) => {
  expect(proposalState(proposal, now)).toBe(state);
  expect(isFinal(proposal, now)).toBe(['executed', 'canceled', 'defeated'].includes(state));
});

test('what is due follows from state and time', () => {
  const passed = newProposal({ votes: votes(80n) });
  expect(dueJob(passed, 100)).toBeUndefined();
  expect(dueJob(passed, 150)).toEqual({ kind: 'queue', proposalId: '7' });
  const queued = { ...passed, eta: 300 };
  expect(dueJob(queued, 299)).toBeUndefined();
  expect(dueJob(queued, 300)).toEqual({ kind: 'execute', proposalId: '7' });
  expect(dueJob({ ...queued, executedAt: at(9) }, 400)).toBeUndefined();
});
