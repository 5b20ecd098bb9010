import { randomBytes } from 'node:crypto';
import { blockchainApi } from '@lucid/common/apis/blockchain';
import { parseAnchorSlots } from '@lucid/common/formats/anchor-layout';
import { parseBlockHeader } from '@lucid/common/formats/block-header';
import { parseHex0x, toHex0x } from '@lucid/common/formats/bytes';
import { verifyAccountProof, verifyStorageProof } from '@lucid/common/formats/storage-proof';
import { type Client, createClient } from '@lucid/common/http/client';
import type { RunningService } from '@lucid/common/runtime/run';
import { contractAddresses } from '@lucid/contracts/addresses';
import { creationBytecode } from '@lucid/contracts/bytecode';
import { contractInterfaces } from '@lucid/contracts/interfaces';
import { ContractFactory, FetchRequest, isError, JsonRpcProvider, Wallet } from 'ethers';
import { type Abi, createPublicClient, createWalletClient, defineChain, type Hex, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { newAnchorContent } from '../../services/blockchain-api/test/anchor-content.ts';
import { openTestChain, startTestBlockchainApi, type TestChain } from '../support/chain.ts';
import { declaredFetch } from '../support/declared-errors.ts';

let chain: TestChain;
let service: RunningService;
let client: Client<typeof blockchainApi.operations>;
let token: string;

beforeAll(async () => {
  chain = await openTestChain();
  service = await startTestBlockchainApi(chain);
  token = await chain.identity.userToken();
  client = createClient(blockchainApi, {
    baseUrl: service.url,
    token: () => chain.identity.serviceToken('sessions', 'blockchain-api'),
    fetch: declaredFetch(blockchainApi, service.url),
  });
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await chain?.[Symbol.asyncDispose]();
});

const hash = () => randomBytes(32).toString('hex');

async function confirmed(sessionId: string) {
  return await vi.waitFor(
    async () => {
      const anchor = await client.getAnchor({ params: { sessionId } });
      expect(anchor.status).toBe('confirmed');
      return anchor;
    },
    { timeout: 20_000, interval: 20 },
  );
}

async function post(body: unknown, path = '/rpc', bearer?: string) {
  const response = await fetch(`${service.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(bearer ? { authorization: `Bearer ${bearer}` } : {}) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
}

describe('real clients', () => {
  test('ethers deploys a contract, calls it, and decodes its revert', async () => {
    const request = new FetchRequest(`${service.url}/rpc`);
    request.setHeader('authorization', `Bearer ${token}`);
    // A remembered head would hide the block of the transaction, and no other block comes after it.
    const options = { polling: true, pollingInterval: 25, cacheTimeout: -1 };
    const provider = new JsonRpcProvider(request, undefined, options);
    const wallet = new Wallet(`0x${randomBytes(32).toString('hex')}`, provider);
    const factory = new ContractFactory(contractInterfaces.LucidAnchors, creationBytecode.LucidAnchors, wallet);
    const contract = await factory.deploy(wallet.address, [wallet.address]);
    await contract.waitForDeployment();
    const id = `0x${randomBytes(16).toString('hex')}${'00'.repeat(16)}`;
    const args = [id, `0x${hash()}`, Date.now(), wallet.address, `0x${hash()}`, 1];
    const sent = await contract.getFunction('registerSession').send(...args);
    const receipt = await sent.wait();
    expect(receipt?.status).toBe(1);
    expect(receipt?.logs).toHaveLength(1);
    expect(await contract.getFunction('isSessionRegistered').staticCall(id)).toBe(true);
    const again = await contract
      .getFunction('registerSession')
      .staticCall(...args)
      .catch((error: unknown) => error);
    expect(isError(again, 'CALL_EXCEPTION') && again.revert?.name).toBe('AnchorsSessionExists');
    provider.destroy();
  });

  test('viem deploys a contract and calls it', async () => {
    const account = privateKeyToAccount(`0x${randomBytes(32).toString('hex')}`);
    const transport = http(`${service.url}/`, {
      batch: true,
      fetchOptions: { headers: { authorization: `Bearer ${token}` } },
    });
    const lucid = defineChain({
      id: 20_251,
      name: 'Lucid',
      nativeCurrency: { name: 'Lucid', symbol: 'LCD', decimals: 18 },
      rpcUrls: { default: { http: [service.url] } },
    });
    const wallet = createWalletClient({ account, chain: lucid, transport });
    const reader = createPublicClient({ chain: lucid, transport, pollingInterval: 25 });
    const abi = JSON.parse(contractInterfaces.LucidParams.formatJson()) as Abi;
    const deployHash = await wallet.deployContract({
      abi,
      bytecode: creationBytecode.LucidParams as Hex,
      args: [account.address, [{ key: 'limit', value: 5n, min: 1n, max: 9n }]],
    });
    const { contractAddress } = await reader.waitForTransactionReceipt({ hash: deployHash });
    const address = contractAddress as Hex;
    const write = { address, abi, functionName: 'setParam', args: ['limit', 7n] } as const;
    const setHash = await wallet.writeContract(write);
    expect((await reader.waitForTransactionReceipt({ hash: setHash })).status).toBe('success');
    expect(await reader.readContract({ address, abi, functionName: 'getParam', args: ['limit'] })).toBe(7n);
    const refused = reader.simulateContract({ ...write, args: ['limit', 10n], account });
    await expect(refused).rejects.toThrow(/ParamsOutOfBounds/);
  });
});

describe('JSON-RPC', () => {
  test('a batch is answered in order, faults among results', async () => {
    const { body } = await post([
      { jsonrpc: '2.0', id: 'a', method: 'eth_chainId' },
      { jsonrpc: '2.0', id: 2, method: 'no_such' },
      { jsonrpc: '2.0', method: 'eth_blockNumber' },
      { jsonrpc: '2.0', id: 3, method: 'eth_getBalance', params: ['nonsense', 'latest'] },
      { jsonrpc: '2.0', id: 4, method: 'net_version' },
    ]);
    expect(body).toMatchObject([
      { id: 'a', result: '0x4f1b' },
      { id: 2, error: { code: -32601 } },
      { id: 3, error: { code: -32602 } },
      { id: 4, result: '20251' },
    ]);
  });

  test('a transaction needs a token', async () => {
    const send = { jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: ['0x00'] };
    expect((await post(send)).body).toMatchObject({ id: 1, error: { code: -32001 } });
    expect((await post(send, '/', token)).body).toMatchObject({ error: { code: -32000 } });
    expect((await post(send, '/rpc', 'garbage')).status).toBe(401);
  });

  test('a revert carries its data', async () => {
    const data = contractInterfaces.LucidParams.encodeFunctionData('getParam', ['nothing']);
    const call = { jsonrpc: '2.0', id: 1, method: 'eth_call', params: [{ to: contractAddresses.LucidParams, data }] };
    const { body } = await post(call);
    const { error } = body as { error: { code: number; data: string } };
    expect(error.code).toBe(3);
    expect(contractInterfaces.LucidParams.parseError(error.data)?.name).toBe('ParamsUnknownKey');
  });

  test('operators reach the pool, others do not', async () => {
    const status = { jsonrpc: '2.0', id: 1, method: 'txpool_status' };
    expect((await post(status, '/rpc', token)).body).toMatchObject({ error: { code: -32001 } });
    const operator = await chain.identity.userToken({ roles: ['operator'] });
    expect((await post(status, '/rpc', operator)).body).not.toMatchObject({ error: { code: -32001 } });
  });
});

describe('anchors', () => {
  test('an anchor is confirmed, and its proof verifies against its header alone', async () => {
    const content = newAnchorContent();
    const queued = await client.createAnchor({ body: content });
    expect(queued).toMatchObject({ ...content, attempts: 0, status: 'queued' });
    const anchor = await confirmed(content.sessionId);
    const proof = await client.getAnchorProof({ params: { sessionId: content.sessionId } });
    const header = parseBlockHeader(parseHex0x(proof.blockHeader));
    expect(toHex0x(header.blockHash)).toBe(anchor.blockHash);
    expect(header.blockNumber).toBe(anchor.blockNumber);
    const account = verifyAccountProof(
      header.stateRoot,
      parseHex0x(proof.contract, 20),
      proof.accountProof.map((node) => parseHex0x(node)),
    );
    const values = proof.storageProof.map(({ key, proof: nodes }) =>
      verifyStorageProof(
        account.storageRoot,
        parseHex0x(key, 32),
        nodes.map((node) => parseHex0x(node)),
      ),
    );
    expect(values.map(toHex0x)).toEqual(proof.storageProof.map(({ value }) => value));
    const { manifestHash, merkleRoot, owner, chunkCount, startedAt } = content;
    expect(parseAnchorSlots(values)).toMatchObject({
      manifestHash,
      merkleRoot,
      owner,
      chunkCount,
      startedAt: Date.parse(startedAt),
      anchoredBlock: anchor.blockNumber,
    });
  });

  test('the same again is the same anchor; other content is refused', async () => {
    const content = newAnchorContent();
    await client.createAnchor({ body: content });
    const first = await confirmed(content.sessionId);
    expect(await client.createAnchor({ body: content })).toEqual(first);
    const other = client.createAnchor({ body: { ...content, chunkCount: content.chunkCount + 1 } });
    await expect(other).rejects.toMatchObject({ status: 409, code: 'ANCHOR_CONFLICT' });
  });

  test('while the vm is away anchors wait and readyz says so; then they are confirmed', async () => {
    await chain.stopVm();
    const content = newAnchorContent();
    expect(await client.createAnchor({ body: content })).toMatchObject({ status: 'queued' });
    const ready = await vi.waitFor(async () => {
      const response = await fetch(`${service.url}/readyz`);
      expect(response.status).toBe(503);
      return (await response.json()) as unknown;
    });
    expect(ready).toMatchObject({ checks: { vm: { ok: false }, store: { ok: true } } });
    expect((await post({ jsonrpc: '2.0', id: 1, method: 'eth_chainId' })).body).toMatchObject({
      error: { code: -32002 },
    });
    await expect(
      createClient(blockchainApi, { baseUrl: service.url, attemptsMax: 1 }).getChain(),
    ).rejects.toMatchObject({ status: 503, code: 'DEPENDENCY_UNAVAILABLE' });
    const proof = client.getAnchorProof({ params: { sessionId: content.sessionId } });
    await expect(proof).rejects.toMatchObject({ status: 409, code: 'ANCHOR_NOT_CONFIRMED' });
    await chain.startVm();
    await confirmed(content.sessionId);
    await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), { timeout: 10_000 });
  });
});

describe('explorer', () => {
  test('chain, blocks, transactions agree with each other', async () => {
    const content = newAnchorContent();
    await client.createAnchor({ body: content });
    const { blockNumber, blockHash, transactionHash } = await confirmed(content.sessionId);
    const head = await client.getChain();
    expect(head).toMatchObject({ chainId: 20_251, contracts: contractAddresses });
    const block = await client.getBlock({ params: { id: String(blockNumber) } });
    expect(block).toMatchObject({ hash: blockHash, transactionHashes: [transactionHash], transactionCount: 1 });
    expect(await client.getBlock({ params: { id: blockHash ?? '' } })).toEqual(block);
    const transaction = await client.getTransaction({ params: { hash: transactionHash ?? '' } });
    expect(transaction).toMatchObject({
      blockNumber,
      to: contractAddresses.LucidAnchors.toLowerCase(),
      from: chain.anchorer.address.toLowerCase(),
      receipt: { status: 'succeeded', logs: [{ address: contractAddresses.LucidAnchors.toLowerCase() }] },
    });
    const { receipt: _receipt, ...summary } = transaction;
    const page = await client.listBlockTransactions({ params: { id: String(blockNumber) } });
    expect(page).toEqual({ items: [summary] });
  });

  test('blocks are paged down to genesis, each once', async () => {
    const { head, genesisHash } = await client.getChain();
    const numbers: number[] = [];
    let cursor: string | undefined;
    let last = '';
    do {
      const page = await client.listBlocks({ query: { limit: 2, ...(cursor ? { cursor } : {}) } });
      numbers.push(...page.items.map(({ number }) => number));
      last = page.items.at(-1)?.hash ?? '';
      cursor = page.next;
    } while (cursor);
    expect(numbers).toEqual(Array.from({ length: head.number + 1 }, (_, index) => head.number - index));
    expect(last).toBe(genesisHash);
  });

  test('parameters are those of the contract', async () => {
    const { items } = await client.listParams();
    expect(items.length).toBeGreaterThan(5);
    expect(await client.getParam({ params: { key: 'maxChunkSize' } })).toMatchObject({
      value: '16777216',
      min: '1048576',
      max: '67108864',
      unit: 'bytes',
    });
  });
});
