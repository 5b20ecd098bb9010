import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestChain, type TestChain } from '../../../../test/support/chain.ts';
import { createAnchorChain } from '../../src/clients/anchor-chain-client.ts';
import { createVmClient } from '../../src/clients/vm-client.ts';
import { ChainParams } from '../../src/domain/chain-params.ts';
import { callChain } from '../../src/domain/chain-reads.ts';
import type { ChainRpc } from '../../src/domain/json-rpc.ts';
import { openRegistrationSigner } from '../../src/domain/registration.ts';
import { newRegistration } from '../anchor-content.ts';

let chain: TestChain;
let rpc: ChainRpc;

beforeAll(async () => {
  chain = await openTestChain();
  rpc = createVmClient({
    baseUrl: chain.vmUrl,
    issueToken: chain.identity.issuerFor('blockchain-api'),
    timeoutMs: 5000,
    responseBytesMax: 1024 * 1024,
  });
});
afterAll(async () => {
  await chain?.[Symbol.asyncDispose]();
});

test('the contract is asked once for each block, however many ask', async () => {
  const params = new ChainParams(rpc);
  const [first] = await Promise.all(Array.from({ length: 50 }, () => params.list()));
  await params.get('maxChunkSize');
  expect(params.readingCount).toBe(1);
  expect(first?.every(({ blockNumber }) => blockNumber === 0)).toBe(true);

  const signer = openRegistrationSigner(chain.anchorer.privateKey);
  const { signal } = new AbortController();
  await createAnchorChain(rpc).submit([signer.sign(20_251, 0, newRegistration()).rawTransaction], signal);
  await expect.poll(() => callChain(rpc, 'eth_blockNumber', [])).toBe('0x1');
  expect((await params.get('maxChunkSize')).blockNumber).toBe(1);
  expect(params.readingCount).toBe(2);
});

test('a key that is not governed', async () => {
  await expect(new ChainParams(rpc).get('nothing')).rejects.toMatchObject({ code: 'PARAM_NOT_FOUND', status: 404 });
});
