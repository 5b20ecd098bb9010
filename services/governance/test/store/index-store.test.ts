import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KeyValueStore } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { IndexChange } from '../../src/domain/governance-index.ts';
import type { VoteRecord } from '../../src/domain/model.ts';
import { IndexStore } from '../../src/store/index-store.ts';
import { decodeRecord, encodeRecord } from '../../src/store/record.ts';
import { at, newProposal } from '../domain/records.ts';

let folder: string;
let store: KeyValueStore;
let index: IndexStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-index-'));
  store = await openLevelStore(folder);
  index = new IndexStore(store);
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const position = { genesisHash: '0x01', blockNumber: 9, blockHash: '0x09', timestamp: 1_009, isCurrentStale: false };
const change = (parts: Partial<IndexChange>): IndexChange => ({
  position,
  proposals: [],
  votes: [],
  paramChanges: [],
  ...parts,
});
const vote = (voter: string, block: number): VoteRecord => ({
  proposalId: 7n,
  voter,
  support: 'for',
  votes: { for: 3n, against: 0n, abstain: 0n },
  reason: '',
  castAt: at(block),
});

test('records come back as they were, whatever text they hold', () => {
  const record = { big: 2n ** 255n, text: '{"$bigint":"5"}', list: [1n, 'a', null], none: '5n' };
  expect(decodeRecord(encodeRecord(record))).toEqual(record);
});

test('proposals are listed newest first and page by page; final ones leave the open list until they change', async () => {
  const proposals = [1, 2, 3].map((n) => newProposal({ proposalId: BigInt(n), createdAt: at(n) }));
  await index.apply(change({ proposals }));
  expect(await ids(index.listProposals({ limit: 2 }))).toEqual([3n, 2n]);
  expect(await ids(index.listProposals({ limit: 2, after: [2, 0] }))).toEqual([1n]);
  await index.markFinal(2n);
  expect(await ids(index.listOpenProposals())).toEqual([1n, 3n]);
  await index.apply(change({ proposals: [newProposal({ proposalId: 2n, createdAt: at(2), eta: 5 })] }));
  expect(await ids(index.listOpenProposals()), 'what still changes was not over').toEqual([1n, 2n, 3n]);
  expect(index.findProposal(2n)?.eta).toBe(5);
});

test('votes are listed in their order, and found by voter whatever the case', async () => {
  await index.apply(change({ proposals: [newProposal()], votes: [vote('0xAb', 5), vote('0xCd', 4)] }));
  const votes = await Array.fromAsync(index.listVotes(7n, { limit: 10 }));
  expect(votes.map(({ voter }) => voter)).toEqual(['0xCd', '0xAb']);
  expect(await Array.fromAsync(index.listVotes(7n, { limit: 10, after: [4, 0] }))).toHaveLength(1);
  expect(index.findVote(7n, '0xaB')?.castAt.blockNumber).toBe(5);
  expect(index.findVote(8n, '0xAb')).toBeUndefined();
});

test('changes of one parameter do not mix with those of a longer name', async () => {
  const entry = (key: string, block: number) => ({ key, value: BigInt(block), changedAt: at(block) });
  await index.apply(change({ paramChanges: [entry('max', 1), entry('maxChunkSize', 2), entry('max', 3)] }));
  const found = await Array.fromAsync(index.listParamChanges('max', { limit: 10 }));
  expect(found.map(({ value }) => value)).toEqual([3n, 1n]);
});

test('clearing forgets everything, closing nothing', async () => {
  await index.apply(change({ proposals: [newProposal()] }));
  await store.close();
  store = await openLevelStore(folder);
  index = new IndexStore(store);
  expect(index.findPosition()).toEqual(position);
  expect(index.findProposal(7n)).toEqual(newProposal());
  await index.clear();
  expect([index.findPosition(), index.findProposal(7n)]).toEqual([undefined, undefined]);
});

async function ids(proposals: AsyncIterable<{ readonly proposalId: bigint }>): Promise<bigint[]> {
  return (await Array.fromAsync(proposals)).map(({ proposalId }) => proposalId);
}
