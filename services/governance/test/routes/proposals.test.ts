import { ZeroAddress } from 'ethers';
import { expect, test } from 'vitest';
import type { CurrentState } from '../../src/domain/governance-index.ts';
import { at, newProposal } from '../domain/records.ts';
import { openTestApp } from '../test-app.ts';

const position = { genesisHash: '0x01', blockNumber: 9, blockHash: '0x09', timestamp: 1_009, isCurrentStale: false };
const current: CurrentState = {
  settings: {
    chainId: 1,
    guardian: ZeroAddress,
    votingDelaySec: 1,
    votingPeriodSec: 1,
    timelockDelaySec: 1,
    lateQuorumExtensionSec: 1,
    quorumPercent: 40,
    superQuorumPercent: 75,
    proposalThreshold: 1n,
    totalSeats: 1n,
  },
  params: [],
  members: [],
};

test('a search through many proposals looks at a bounded number at a time, and misses none', async () => {
  await using service = await openTestApp();
  const proposer = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
  const proposals = Array.from({ length: 1_201 }, (_, n) =>
    newProposal({
      proposalId: BigInt(n),
      createdAt: { ...at(n + 1), transactionHash: `0x${'0'.repeat(64)}` },
      ...(n === 0 || n === 700 ? { proposer } : {}),
    }),
  );
  await service.index.apply({ position, proposals, votes: [], paramChanges: [], current });
  const found: string[] = [];
  const sizes: number[] = [];
  for (let cursor: string | undefined; ; ) {
    const query = new URLSearchParams({ proposer, ...(cursor === undefined ? {} : { cursor }) });
    const answer = await service.app.inject({ method: 'GET', url: `/proposals?${query}` });
    expect(answer.statusCode, answer.body).toBe(200);
    const page = answer.json<{ items: { proposalId: string }[]; next?: string }>();
    found.push(...page.items.map(({ proposalId }) => proposalId));
    sizes.push(page.items.length);
    cursor = page.next;
    if (cursor === undefined) break;
  }
  expect(found).toEqual(['700', '0']);
  expect(sizes).toHaveLength(3);
});
