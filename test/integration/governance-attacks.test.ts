import { contractAddresses } from '@lucid/contracts/addresses';
import { bindDescription, encodeCastVote, encodePropose, proposalId as idOf } from '@lucid/contracts/governor';
import { contractInterfaces } from '@lucid/contracts/interfaces';
import { encodeSetParam } from '@lucid/contracts/params';
import { FetchRequest, JsonRpcProvider, type Wallet } from 'ethers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { newWallet, startTestGovernance, type TestGovernance } from '../support/governance.ts';

const { LucidGovernor: governor, LucidParams: params, LucidSeats: seats } = contractAddresses;
const answerBytesMax = 65_536;

let governance: TestGovernance;
let provider: JsonRpcProvider;
beforeAll(async () => {
  // Answers of the chain are kept small, so that little is needed to pass the limit.
  governance = await startTestGovernance({ env: { BLOCKCHAIN_API_RPC_RESPONSE_BYTES: String(answerBytesMax) } });
  const request = new FetchRequest(`${governance.blockchainApiUrl}/rpc`);
  request.setHeader('authorization', `Bearer ${await governance.chain.identity.userToken()}`);
  provider = new JsonRpcProvider(request, undefined, { cacheTimeout: -1, batchMaxCount: 1 });
});
afterAll(async () => {
  provider?.destroy();
  await governance?.[Symbol.asyncDispose]();
});

/** Past this service, as anybody with a token may. */
async function send(wallet: Wallet, to: string, calls: readonly string[]): Promise<void> {
  const first = await provider.getTransactionCount(wallet.address, 'pending');
  const fees = { type: 2, chainId: 20_251, maxFeePerGas: 0n, maxPriorityFeePerGas: 0n, gasLimit: 3_000_000n };
  const hashes = [];
  // The first nonce comes last, so that all of them are in one block.
  for (const [offset, data] of [...calls.entries()].toReversed()) {
    const raw = await wallet.signTransaction({ ...fees, to, data, nonce: first + offset });
    hashes.push(String(await provider.send('eth_sendRawTransaction', [raw])));
  }
  const last = hashes[0] ?? '';
  await vi.waitFor(async () => expect(await provider.getTransactionReceipt(last)).toMatchObject({ status: 1 }), {
    timeout: 20_000,
    interval: 20,
  });
}

const change = [{ target: params, value: 0n, data: encodeSetParam('anchorIntervalSec', 30n) }];
const proposeData = (text: string, by: Wallet) => encodePropose(change, bindDescription(text, by.address));

const indexed = async (proposalId: bigint) =>
  await vi.waitFor(async () => await governance.client.getProposal({ params: { proposalId: String(proposalId) } }), {
    timeout: 20_000,
    interval: 30,
  });

/** Shows that the service still follows the chain. */
async function isFollowing(text: string): Promise<bigint> {
  const [alice] = governance.members;
  await send(alice, governor, [proposeData(text, alice)]);
  const id = idOf(change, bindDescription(text, alice.address));
  expect((await indexed(id)).title).toBe(text);
  return id;
}

describe('the index cannot be stopped', () => {
  test('by events that anybody may cause', async () => {
    const stranger = newWallet();
    const delegate = contractInterfaces.LucidSeats.encodeFunctionData('delegate', [stranger.address]);
    const approve = contractInterfaces.LucidSeats.encodeFunctionData('approve', [stranger.address, 1]);
    await governance.stop();
    await send(
      stranger,
      seats,
      Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? delegate : approve)),
    );
    await governance.start();
    await isFollowing('After the noise');
  });

  test('by members who write more into one block than one answer holds', async () => {
    const [, bob] = governance.members;
    await governance.stop();
    const texts = Array.from({ length: 6 }, (_, index) => `Long ${index}\n${'x'.repeat(10_000)}`);
    await send(
      bob,
      governor,
      texts.map((text) => proposeData(text, bob)),
    );
    await governance.start();
    await isFollowing('After the long ones');
    expect((await governance.client.listProposals({ query: { proposer: bob.address } })).items).toHaveLength(6);
  });

  test('by a reason that is no text', async () => {
    const [, , carol] = governance.members;
    const proposalId = await isFollowing('Before the bytes');
    const plain = encodeCastVote(proposalId, 'for', 'hi?');
    const broken = plain.replace(Buffer.from('hi?').toString('hex'), '6869ff');
    await vi.waitFor(
      async () => {
        const { state } = await governance.client.getProposal({ params: { proposalId: String(proposalId) } });
        expect(state).toBe('active');
      },
      { timeout: 10_000, interval: 50 },
    );
    await send(carol, governor, [broken]);
    await isFollowing('After the bytes');
    const { items } = await governance.client.listVotes({ params: { proposalId: String(proposalId) } });
    expect(items).toMatchObject([{ voter: carol.address, reason: 'hi\ufffd' }]);
  });
});

describe('text the chain cannot hold is refused, not a fault', () => {
  const lone = 'half a pair: \ud83d';
  const refusal = (call: Promise<unknown>) =>
    call.then(
      () => 'not refused',
      (error: { code: string }) => error.code,
    );

  test('in a title, a description, a reason', async () => {
    const { client, members } = governance;
    const [alice] = members;
    const { items } = await client.listProposals({ query: { limit: 1 } });
    const proposalId = items[0]?.proposalId ?? '';
    const action = { type: 'setParam' as const, key: 'anchorIntervalSec', value: '30' };
    const body = { proposer: alice.address, title: 'A title', actions: [action] };
    expect(await refusal(client.prepareProposal({ body: { ...body, title: lone } }))).toBe('REQUEST_INVALID');
    expect(await refusal(client.prepareProposal({ body: { ...body, description: lone } }))).toBe('REQUEST_INVALID');
    const vote = { voter: alice.address, support: 'for' as const, reason: lone };
    const parts = { params: { proposalId } };
    expect(await refusal(client.prepareVote({ ...parts, body: vote }))).toBe('REQUEST_INVALID');
    const signed = { ...vote, signature: `0x${'11'.repeat(65)}` };
    expect(await refusal(client.createSignedVote({ ...parts, body: signed }))).toBe('REQUEST_INVALID');
  });
});

test('a cursor nobody gave out is refused, not a fault', async () => {
  const { client, url } = governance;
  const { items } = await client.listProposals({ query: { limit: 1 } });
  const lists = ['/proposals', '/params/maxChunkSize/changes', `/proposals/${items[0]?.proposalId ?? ''}/votes`];
  for (const [index, path] of lists.entries()) {
    const name = ['proposals@1', 'param-changes@1', 'votes@1'][index];
    for (const place of [
      [-1, 0],
      [0, -1],
      [1.5, 0],
      [2 ** 53, 0],
    ]) {
      const cursor = Buffer.from(JSON.stringify([name, ...place])).toString('base64url');
      const response = await fetch(`${url}${path}?cursor=${cursor}`);
      expect(await response.json(), `${path} ${place.join()}`).toMatchObject({ code: 'CURSOR_INVALID', status: 400 });
    }
  }
});
