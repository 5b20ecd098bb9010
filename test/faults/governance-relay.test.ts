import { join } from 'node:path';
import { systemClock } from '@lucid/common/runtime/clock';
import type { RunningService } from '@lucid/common/runtime/run';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { contractAddresses } from '@lucid/contracts/addresses';
import { ballotNonce, ballotTypedData, encodePropose, type ProposalCall, proposalId } from '@lucid/contracts/governor';
import { encodeSetParam } from '@lucid/contracts/params';
import { ChainClient } from '@lucid/governance/clients/chain-client';
import { createRelaySigner } from '@lucid/governance/clients/relay-wallet';
import { Rpc } from '@lucid/governance/clients/rpc';
import type { ChainWriter } from '@lucid/governance/domain/chain';
import { Indexer } from '@lucid/governance/domain/indexer';
import { Relay, type RelayJob, type RelayStore, relayName } from '@lucid/governance/domain/relay';
import { IndexStore } from '@lucid/governance/store/index-store';
import { openRelayStore } from '@lucid/governance/store/relay-store';
import type { Wallet } from 'ethers';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openTestChain, startTestBlockchainApi, type TestChain } from '../support/chain.ts';
import { newWallet } from '../support/governance.ts';

const voters = Array.from({ length: 8 }, newWallet);
const voterAt = (index: number): Wallet => {
  const voter = voters[index];
  if (voter === undefined) throw new RangeError(`There is no voter ${index}.`);
  return voter;
};
const relayer = newWallet();
const clock = systemClock();
const calls: ProposalCall[] = [
  { target: contractAddresses.LucidParams, value: 0n, data: encodeSetParam('anchorIntervalSec', 30n) },
];
const description = 'Anchor more often';
const proposal = proposalId(calls, description);

let chain: TestChain;
let blockchainApi: RunningService;
let client: ChainClient;
beforeAll(async () => {
  const members = voters.map(({ address }) => ({ address, seats: 1 }));
  chain = await openTestChain({ genesis: { members, superQuorumNumerator: 100 } });
  blockchainApi = await startTestBlockchainApi(chain);
  client = new ChainClient(new Rpc({ baseUrl: blockchainApi.url, issueToken: chain.identity.issuerFor('governance') }));
  await send(voterAt(0), encodePropose(calls, description));
  await using reader = await openRelay(join(chain.folder, 'start'));
  await vi.waitFor(
    async () => {
      await reader.indexer.sync();
      const voteStart = reader.index.findProposal(proposal)?.voteStart ?? Number.POSITIVE_INFINITY;
      expect(Math.floor(Date.now() / 1000)).toBeGreaterThan(voteStart);
    },
    { timeout: 10_000, interval: 50 },
  );
});
afterAll(async () => {
  await blockchainApi?.[Symbol.asyncDispose]();
  await chain?.[Symbol.asyncDispose]();
});

async function send(wallet: Wallet, data: string): Promise<void> {
  const nonce = await client.getNextNonce(wallet.address);
  const fees = { type: 2, chainId: 20_251, maxFeePerGas: 0n, maxPriorityFeePerGas: 0n, gasLimit: 3_000_000n };
  await client.sendTransaction(
    await wallet.signTransaction({ ...fees, to: contractAddresses.LucidGovernor, data, nonce }),
  );
}

async function signedVote(voter: Wallet): Promise<Extract<RelayJob, { kind: 'vote' }>> {
  const vote = { proposalId: proposal, support: 'for', voter: voter.address, reason: '' } as const;
  const { domain, types, message } = ballotTypedData(20_251, vote, ballotNonce(proposal));
  const signature = await voter.signTypedData(domain, types, message);
  return { ...vote, kind: 'vote', proposalId: String(proposal), signature };
}

class Died extends Error {}

/** What a relay meets while it works: each call passes until `dieAt`, where the process ends, before or after it. */
type Step =
  | 'nonce'
  | 'before send'
  | 'after send'
  | 'before receipt'
  | 'after receipt'
  | 'note of the signature'
  | 'note of the end';

function mortalChain(step: Step): ChainWriter {
  const die = (at: Step) => {
    if (at === step) throw new Died();
  };
  return {
    getNextNonce: async (address) => {
      die('nonce');
      return await client.getNextNonce(address);
    },
    sendTransaction: async (raw) => {
      die('before send');
      const outcome = await client.sendTransaction(raw);
      die('after send');
      return outcome;
    },
    findReceipt: async (hash) => {
      die('before receipt');
      const receipt = await client.findReceipt(hash);
      if (receipt) die('after receipt');
      return receipt;
    },
    findRefusal: async (call) => await client.findRefusal(call),
  };
}

function mortalStore(store: RelayStore, step: Step): RelayStore {
  return {
    find: (name) => store.find(name),
    enqueue: async (name, record) => await store.enqueue(name, record),
    update: async (name, record) => {
      if (step === 'note of the signature' && record.status === 'submitted') throw new Died();
      if (step === 'note of the end' && record.status === 'done') throw new Died();
      await store.update(name, record);
    },
  };
}

async function openRelay(folder: string, step?: Step) {
  const stack = new AsyncDisposableStack();
  const indexStore = stack.use(await openLevelStore(join(folder, 'index')));
  const relayStore = stack.use(await openLevelStore(join(folder, 'relay')));
  const index = new IndexStore(indexStore);
  const indexer = new Indexer({ chain: client, index, syncBlocks: 100 });
  const store = stack.use(await openRelayStore(relayStore, clock));
  const relay = new Relay({
    chain: step ? mortalChain(step) : client,
    index,
    indexer,
    store: step ? mortalStore(store, step) : store,
    signer: createRelaySigner(relayer.privateKey, () => 20_251),
    clock,
    receiptTimeoutMs: 10_000,
  });
  return { relay, index, indexer, store, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const steps: Step[] = [
  'nonce',
  'note of the signature',
  'before send',
  'after send',
  'before receipt',
  'after receipt',
  'note of the end',
];

test.each(steps.map((step, i) => [step, voterAt(i + 1)] as const))(
  'a relay that dies at: %s, neither loses the vote nor counts it twice',
  async (step, voter) => {
    const folder = join(chain.folder, `relay ${step}`);
    const job = await signedVote(voter);
    const nonceBefore = await client.getNextNonce(relayer.address);
    {
      await using dying = await openRelay(folder, step);
      await dying.indexer.sync();
      await dying.relay.enqueue(job);
      await expect(dying.relay.deliver(relayName(job))).rejects.toThrow(Died);
    }
    await using living = await openRelay(folder);
    living.store.start((name, signal) => living.relay.deliver(name, signal));
    await living.store.idle();
    const record = living.relay.find(job);
    expect(record).toMatchObject({ status: 'done', transactionHash: expect.stringMatching(/^0x/) });
    const votes = await Array.fromAsync(living.index.listVotes(proposal, { limit: 100 }));
    expect(votes.filter((vote) => vote.voter === voter.address)).toHaveLength(1);
    expect(votes.find((vote) => vote.voter === voter.address)?.castAt.transactionHash).toBe(record?.transactionHash);
    expect(await client.getNextNonce(relayer.address), 'one transaction in all').toBe(nonceBefore + 1);
  },
);

test('every relayed vote is counted once in the tally', async () => {
  await using relay = await openRelay(join(chain.folder, 'reader'));
  await relay.indexer.sync();
  expect(relay.index.findProposal(proposal)?.votes).toEqual({ for: BigInt(steps.length), against: 0n, abstain: 0n });
});
