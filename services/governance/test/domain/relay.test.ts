import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestClock } from '@lucid/common/runtime/clock';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ChainClient } from '../../src/clients/chain-client.ts';
import { createRelaySigner } from '../../src/clients/relay-wallet.ts';
import { Rpc } from '../../src/clients/rpc.ts';
import { Indexer } from '../../src/domain/indexer.ts';
import { Relay, relayName } from '../../src/domain/relay.ts';
import { IndexStore } from '../../src/store/index-store.ts';
import { type LevelRelayStore, openRelayStore } from '../../src/store/relay-store.ts';
import { at, newProposal } from './records.ts';

let stack: AsyncDisposableStack;
let index: IndexStore;
let store: LevelRelayStore;
let relay: Relay;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'lucid-relay-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const clock = new TestClock();
  index = new IndexStore(stack.use(await openLevelStore(join(folder, 'index'))));
  store = stack.use(await openRelayStore(stack.use(await openLevelStore(join(folder, 'relay'))), clock));
  // The chain is away: what is asked here follows from the stores.
  const chain = new ChainClient(new Rpc({ baseUrl: 'http://127.0.0.1:9', issueToken: async () => 'none' }));
  const indexer = new Indexer({ chain, index, syncBlocks: 10 });
  const signer = createRelaySigner(`0x${'11'.repeat(32)}`, () => 1);
  relay = new Relay({ chain, index, indexer, store, signer, clock, receiptTimeoutMs: 100 });
});
afterEach(() => stack.disposeAsync());

const position = { genesisHash: '0x01', blockNumber: 9, blockHash: '0x09', timestamp: 1_009, isCurrentStale: false };
const apply = (proposal: ReturnType<typeof newProposal>) =>
  index.apply({ position, proposals: [proposal], votes: [], paramChanges: [] });

test('what was done on blocks the chain has lost is to be done again', async () => {
  const job = { kind: 'queue', proposalId: '7' } as const;
  const done = { job, status: 'done', updatedAt: 1, refusals: 0, transactionHash: '0x01' } as const;
  await store.update(relayName(job), done);
  await apply(newProposal({ queuedAt: at(5), eta: 300 }));
  expect(relay.find(job)).toEqual(done);
  expect(await relay.enqueue(job)).toEqual(done);
  await index.clear();
  await apply(newProposal());
  expect(relay.find(job)).toBeUndefined();
  expect(await relay.enqueue(job)).toMatchObject({ status: 'queued' });
  expect(store.stats.pending).toBe(1);
});
