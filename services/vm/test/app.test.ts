import { vmApi } from '@lucid/common/apis/vm';
import { contractAddresses } from '@lucid/contracts/addresses';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestIdentity } from '../../../test/support/identity.ts';
import { alice, CHAIN_ID, poor } from './support/accounts.ts';
import { deployProbe, probe } from './support/probe.ts';
import { openTestVm } from './support/test-vm.ts';

type TestVm = Awaited<ReturnType<typeof openTestVm>>;

let vm: TestVm;
let address: string;

beforeAll(async () => {
  vm = await openTestVm();
  address = await (await deployProbe(alice.connect(vm.provider), 8n)).getAddress();
});

afterAll(() => vm[Symbol.asyncDispose]());

async function ask(method: 'GET' | 'POST', url: string, payload?: object) {
  const headers = { authorization: await vm.bearer() };
  return await vm.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
}

test('openapi.json is what the service serves', async () => {
  const document: unknown = (await vm.app.inject('/openapi.json')).json();
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../openapi.json');
});

describe('views', () => {
  test('the status names head, pool and outbox', async () => {
    const response = await ask('GET', '/status');
    const head = await vm.provider.getBlock('latest');
    expect(response.json()).toMatchObject({
      chainId: CHAIN_ID,
      hardfork: 'osaka',
      head: { blockNumber: 1, blockHash: head?.hash },
      pendingTransactions: 0,
      ledgerOutbox: { pending: 2, parked: 0, lastError: expect.any(String) },
    });
  });

  test("genesis put the platform's contracts at their fixed addresses", async () => {
    const { items } = (await ask('GET', '/contracts')).json<{ items: { name: string; address: string }[] }>();
    expect(Object.fromEntries(items.map((one) => [one.name, one.address]))).toEqual(contractAddresses);
    for (const one of items) expect(await vm.provider.getCode(one.address)).not.toBe('0x');
  });

  test('an account now and at a block', async () => {
    const now = (await ask('GET', `/accounts/${alice.address}`)).json<object>();
    expect(now).toMatchObject({
      address: alice.address.toLowerCase(),
      blockNumber: 1,
      nonce: 1,
      balance: (10n ** 21n).toString(),
    });
    const before = (await ask('GET', `/accounts/${alice.address}?block=0x0`)).json<object>();
    expect(before).toMatchObject({ blockNumber: 0, nonce: 0 });
    const absent = (await ask('GET', `/accounts/${poor.address}?block=earliest`)).json<object>();
    expect(absent).toMatchObject({ nonce: 0, balance: '0', codeSize: 0 });
  });

  test('calls and estimates', async () => {
    const call = await ask('POST', '/call', { to: address, data: probe.encodeFunctionData('value') });
    expect(call.json()).toEqual({ result: `0x${'8'.padStart(64, '0')}`, gasUsed: expect.stringMatching(/^0x/) });
    const estimate = await ask('POST', '/estimate', { to: address, data: probe.encodeFunctionData('set', [1, 'x']) });
    expect(Number(estimate.json<{ gasLimit: string }>().gasLimit)).toBeGreaterThan(21_000);
  });
});

test("the chain's figures are among the metrics", async () => {
  const text = (await vm.app.inject('/metrics')).payload;
  for (const line of ['vm_head_block_number{service="vm"} 1', 'vm_pool_transactions{service="vm"} 0']) {
    expect(text).toContain(line);
  }
});

describe('refusals', () => {
  test.each([
    ['GET', '/accounts/0x12', undefined, 400, 'REQUEST_INVALID'],
    ['GET', `/accounts/0x${'00'.repeat(20)}?block=0xff`, undefined, 404, 'VM_BLOCK_NOT_FOUND'],
    ['GET', `/accounts/0x${'00'.repeat(20)}?block=later`, undefined, 400, 'REQUEST_INVALID'],
    ['POST', '/call', { to: '0x12' }, 400, 'REQUEST_INVALID'],
    ['POST', '/call', { nonce: '0x1' }, 400, 'REQUEST_INVALID'],
    ['POST', '/call', { gasLimit: '0x1' }, 422, 'VM_CALL_REFUSED'],
    ['POST', '/estimate', { data: 7 }, 400, 'REQUEST_INVALID'],
    ['GET', '/blocks', undefined, 404, 'ROUTE_NOT_FOUND'],
  ] as const)('%s %s %j: %i %s', async (method, url, payload, status, code) => {
    const response = await ask(method, url, payload);
    expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([status, code]);
  });

  test('a revert is 422 with the revert data', async () => {
    const response = await ask('POST', '/call', { to: address, data: probe.encodeFunctionData('failError') });
    const data = probe.encodeErrorResult('Refused', [7]);
    expect(response.statusCode).toBe(422);
    expect(response.json()).toMatchObject({ code: 'VM_CALL_REVERTED', data });
  });

  test('every operation: without a token, with a token for another service', async () => {
    const foreign = createTestIdentity();
    for (const { method, path } of Object.values(vmApi.operations)) {
      const url = path.replace('{address}', alice.address);
      const payload = method === 'POST' ? { payload: {} } : {};
      expect((await vm.app.inject({ method, url, ...payload })).json()).toMatchObject({ code: 'AUTH_TOKEN_MISSING' });
      const headers = { authorization: `Bearer ${await foreign.serviceToken('blockchain-api', 'vm')}` };
      const refused = await vm.app.inject({ method, url, headers, ...payload });
      expect(refused.json()).toMatchObject({ status: 401, code: 'AUTH_TOKEN_INVALID' });
    }
  });
});

test('readiness names the ledger while it is away; the chain goes on', async () => {
  const { status, checks } = (await vm.app.inject('/readyz')).json<{
    status: string;
    checks: Record<string, object>;
  }>();
  expect(status).toBe('not ready');
  expect(checks).toMatchObject({ chain: { ok: true }, ledger: { ok: false } });
  const sent = await alice.connect(vm.provider).sendTransaction({ to: poor.address, value: 1n });
  expect((await sent.wait())?.status).toBe(1);
});
