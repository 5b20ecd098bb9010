import type { TransactionRequest, Wallet } from 'ethers';
import { concat, encodeRlp, Transaction, toBeHex, toQuantity } from 'ethers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alice, bob, CHAIN_ID, carol, poor } from './support/accounts.ts';
import { deployProbe, probe } from './support/probe.ts';
import { openTestVm } from './support/test-vm.ts';

type TestVm = Awaited<ReturnType<typeof openTestVm>>;

let vm: TestVm;
let address: string;

beforeAll(async () => {
  vm = await openTestVm({
    env: {
      VM_POOL_GAP_MAX: '2',
      VM_CALL_DEADLINE_MS: '1500',
      VM_CALL_GAS_MAX: '1000000000',
      VM_LOG_RESULTS_MAX: '3',
      VM_LOG_BLOCKS_MAX: '2',
    },
  });
  const contract = await deployProbe(alice.connect(vm.provider), 1n);
  address = await contract.getAddress();
  for (let i = 0; i < 4; i++) await (await contract.getFunction('set')(i, 'log')).wait();
});

afterAll(() => vm[Symbol.asyncDispose]());

const send = async (wallet: Wallet, fields: TransactionRequest): Promise<unknown> => {
  const base = {
    to: poor.address,
    gasLimit: 21_000,
    chainId: CHAIN_ID,
    type: 2,
    maxFeePerGas: 0,
    maxPriorityFeePerGas: 0,
  };
  return (await vm.rpc('eth_sendRawTransaction', [await wallet.signTransaction({ ...base, ...fields })])).error;
};

/** Clients do not sign this, so it is put together by hand. */
const tipOverFee = concat([
  '0x02',
  encodeRlp([toBeHex(CHAIN_ID), '0x', '0x02', '0x01', '0x5208', poor.address, '0x', '0x', [], '0x', '0x01', '0x01']),
]);

describe('eth_sendRawTransaction refuses', () => {
  const next = async (): Promise<number> => vm.provider.getTransactionCount(bob.address, 'pending');

  test.each<[string, string, TransactionRequest, Wallet?]>([
    ['too little gas', 'intrinsic gas too low', { gasLimit: 20_999 }],
    ['gas below the calldata floor', 'intrinsic gas too low', { data: `0x${'11'.repeat(1000)}`, gasLimit: 40_000 }],
    ['more value than there is', 'insufficient funds for gas * price + value', { value: 1n }, poor],
    ['a price nobody can pay', 'insufficient funds for gas * price + value', { maxFeePerGas: 10n ** 20n }],
    ['more gas than a transaction may have', 'gas limit too high', { gasLimit: 16_777_217 }],
    ['another chain', 'invalid chain id', { chainId: 1 }],
    [
      'init code that is too long',
      'max initcode size exceeded',
      { to: null, data: `0x${'00'.repeat(49_153)}`, gasLimit: 5_000_000 },
    ],
    ['more bytes than allowed', 'oversized data', { data: `0x${'00'.repeat(131_072)}`, gasLimit: 10_000_000 }],
  ])('%s: "%s"', async (_name, message, fields, wallet = bob) => {
    const nonce = await vm.provider.getTransactionCount(wallet.address, 'pending');
    expect(await send(wallet, { nonce, ...fields })).toEqual({
      code: -32000,
      message: expect.stringContaining(message),
    });
  });

  test('a nonce that was used: "nonce too low"', async () => {
    expect(await send(alice, { nonce: 0 })).toMatchObject({
      code: -32000,
      message: expect.stringMatching(/^nonce too low: .*next nonce 5, tx nonce 0/),
    });
  });

  test('the same again: "already known"', async () => {
    const nonce = (await next()) + 1;
    expect(await send(bob, { nonce })).toBeUndefined();
    expect(await send(bob, { nonce })).toEqual({ code: -32000, message: 'already known' });
    expect(await send(bob, { nonce, value: 1n })).toEqual({
      code: -32000,
      message: 'replacement transaction underpriced',
    });
    expect(await send(bob, { nonce: nonce + 1 })).toBeUndefined();
    expect(await send(bob, { nonce: nonce + 2 })).toEqual({ code: -32000, message: 'account limit exceeded' });
    expect((await vm.rpc('txpool_status')).result).toEqual({ pending: '0x0', queued: '0x2' });
    expect(await next()).toBe(nonce - 1);
    const filler = await bob.connect(vm.provider).sendTransaction({ to: poor.address, nonce: nonce - 1 });
    await filler.wait();
    expect(await next()).toBe(nonce + 2);
  });

  test('a replacement that offers too little; one that offers enough takes its place', async () => {
    const nonce = (await vm.provider.getTransactionCount(carol.address, 'pending')) + 1;
    const at = (fee: number): TransactionRequest => ({ nonce, maxFeePerGas: fee, maxPriorityFeePerGas: fee });
    expect(await send(carol, at(100))).toBeUndefined();
    for (const fee of [50, 100, 109]) {
      expect(await send(carol, { ...at(fee), value: 1n })).toEqual({
        code: -32000,
        message: 'replacement transaction underpriced',
      });
    }
    expect(await send(carol, { ...at(110), value: 2n })).toBeUndefined();
    expect((await vm.rpc('txpool_status')).result).toMatchObject({ queued: '0x1' });
  });

  test('legacy transactions without a chain id', async () => {
    const unprotected = Transaction.from({ type: 0, to: poor.address, gasLimit: 21_000, gasPrice: 0, nonce: 0 });
    unprotected.signature = carol.signingKey.sign(unprotected.unsignedHash);
    expect((await vm.rpc('eth_sendRawTransaction', [unprotected.serialized])).error).toEqual({
      code: -32000,
      message: 'only replay-protected (EIP-155) transactions allowed over RPC',
    });
  });

  test.each([
    ['nothing', '0x', 'invalid transaction'],
    ['noise', '0x02ffffff', 'invalid transaction'],
    ['a tip over the fee', tipOverFee, 'max priority fee per gas higher than max fee per gas'],
    ['a blob transaction', '0x03c0', 'transaction type not supported'],
    ['an unknown type', '0x7fc0', 'transaction type not supported'],
  ])('%s', async (_name, raw, message) => {
    const { error } = await vm.rpc('eth_sendRawTransaction', [raw]);
    expect(error).toEqual({ code: -32000, message: expect.stringContaining(message) });
  });
});

describe('calls that fail', () => {
  const call = async (data: string, method = 'eth_call'): Promise<unknown> =>
    (await vm.rpc(method, [{ from: alice.address, to: address, data }])).error;

  test.each(['eth_call', 'eth_estimateGas'])('%s: a revert carries its data under code 3', async (method) => {
    const encoded = probe.encodeErrorResult('Refused', [7]);
    expect(await call(probe.encodeFunctionData('failError'), method)).toEqual({
      code: 3,
      message: 'execution reverted',
      data: encoded,
    });
    expect(await call(probe.encodeFunctionData('failText'), method)).toMatchObject({
      code: 3,
      message: 'execution reverted: no',
    });
    expect(await call(probe.encodeFunctionData('failPanic'), method)).toMatchObject({
      code: 3,
      message: 'execution reverted: division or modulo by zero (0x12)',
    });
  });

  test('one that runs over its deadline is stopped, and the next one works', async () => {
    const spin = call(probe.encodeFunctionData('spin'));
    const value = vm.rpc('eth_call', [{ to: address, data: probe.encodeFunctionData('value') }]);
    const health = await fetch(`${vm.url}/livez`);
    expect(health.status).toBe(200);
    expect(await spin).toEqual({ code: -32000, message: 'execution aborted (timeout = 1500ms)' });
    expect((await value).result).toBe(`0x${'3'.padStart(64, '0')}`);
  });

  test('one without enough gas', async () => {
    const { error } = await vm.rpc('eth_call', [{ to: address, data: '0x3fa4f245', gas: '0x5300' }]);
    expect(error).toEqual({ code: -32000, message: 'out of gas' });
    const transfer = { from: poor.address, to: alice.address, value: '0x5' };
    expect((await vm.rpc('eth_call', [transfer])).error).toMatchObject({
      code: -32000,
      message: expect.stringContaining('insufficient funds'),
    });
  });
});

describe('bad parameters', () => {
  const hash = `0x${'ab'.repeat(32)}`;
  test.each<[string, unknown[], number, string]>([
    ['eth_getBalance', ['0x12'], -32602, 'expected 20 bytes'],
    ['eth_getBalance', ['zz'.padEnd(42, '0')], -32602, 'not hex data'],
    ['eth_getBalance', [`0x${'00'.repeat(20)}`, '0x01'], -32602, 'not a hex quantity'],
    ['eth_getBalance', [`0x${'00'.repeat(20)}`, 'soon'], -32602, 'not a hex quantity'],
    ['eth_getBalance', [`0x${'00'.repeat(20)}`, '0xffff'], -32000, 'header not found'],
    ['eth_getBalance', [`0x${'00'.repeat(20)}`, hash], -32000, 'header not found'],
    ['eth_getStorageAt', [`0x${'00'.repeat(20)}`, 'x'], -32602, 'storage slot'],
    ['eth_getProof', [`0x${'00'.repeat(20)}`, 'x'], -32602, 'expected an array'],
    ['eth_getBlockByNumber', [{}, false], -32602, 'not a hex quantity'],
    ['eth_getBlockByNumber', ['0x1', 'yes'], -32602, 'expected a boolean'],
    ['eth_call', [{ data: 'x' }], -32602, 'not hex data'],
    ['eth_call', [], -32602, 'expected an object'],
    ['eth_call', [{ data: '0x00', input: '0x01' }], -32602, 'not equal'],
    ['eth_getLogs', [{ blockHash: hash, fromBlock: '0x1' }], -32602, 'cannot specify both'],
    ['eth_getLogs', [{ fromBlock: '0x3', toBlock: '0x1' }], -32602, 'invalid block range'],
    ['eth_getLogs', [{ topics: [[], [], [], [], []] }], -32602, 'more than 4 items'],
    ['eth_getLogs', [{ fromBlock: '0x0' }], -32005, 'Try with this block range [0x0, 0x1]'],
    ['eth_getFilterChanges', ['0x1'], -32000, 'filter not found'],
    ['eth_feeHistory', ['0x1', 'latest', [50, 20]], -32602, 'invalid reward percentile'],
    ['eth_sendTransaction', [{}], -32601, 'does not exist'],
    ['lucid_status', [], -32601, 'does not exist'],
    ['constructor', [], -32601, 'does not exist'],
  ])('%s %j: %i "%s"', async (method, params, code, message) => {
    expect((await vm.rpc(method, params)).error).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test('too many results name a range that fits', async () => {
    const { error } = await vm.rpc('eth_getLogs', [{ fromBlock: '0x0', address }]);
    expect(error).toMatchObject({
      code: -32005,
      message: 'query returned more than 3 results. Try with this block range [0x0, 0x4].',
    });
    const fitting = await vm.rpc('eth_getLogs', [{ fromBlock: '0x0', toBlock: '0x4', address }]);
    expect(fitting.result).toHaveLength(3);
  });

  test.each([
    ['null', null],
    ['a number', 5],
    ['no method', { jsonrpc: '2.0', id: 1 }],
    ['another version', { jsonrpc: '1.0', id: 1, method: 'eth_chainId' }],
    ['an empty batch', []],
    ['a batch that is too long', Array.from({ length: 1001 }, () => ({}))],
  ])('%s is no request: -32600', async (_name, body) => {
    const response = await fetch(`${vm.url}/rpc`, {
      method: 'POST',
      headers: { authorization: await vm.bearer(), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(await response.json()).toMatchObject({ jsonrpc: '2.0', error: { code: -32600 } });
  });

  test('what is not there is null', async () => {
    for (const method of [
      'eth_getTransactionByHash',
      'eth_getTransactionReceipt',
      'eth_getBlockByHash',
      'eth_getBlockReceipts',
    ]) {
      expect(await vm.rpc(method, [hash])).toMatchObject({ result: null });
    }
    expect((await vm.rpc('eth_getBlockByNumber', [toQuantity(99), false])).result).toBeNull();
  });
});
