import { type Contract, getCreateAddress, hexlify, toBeHex, zeroPadValue } from 'ethers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alice, bob, carol, poor } from './support/accounts.ts';
import { deployProbe, probe } from './support/probe.ts';
import { openTestVm } from './support/test-vm.ts';

type TestVm = Awaited<ReturnType<typeof openTestVm>>;
type StructLog = { pc: number; op: string; gas: number; gasCost: number; depth: number; stack?: string[] };
type StructTrace = { gas: number; failed: boolean; returnValue: string; structLogs: StructLog[] };
type Frame = { type: string; gasUsed: string; calls?: Frame[]; logs?: unknown[]; error?: string; to?: string };
type Prestate = Record<string, { balance?: string; nonce?: number; code?: string; storage?: Record<string, string> }>;

/** `PUSH1 n`. */
const push = (n: number): string => `60${n.toString(16).padStart(2, '0')}`;
/** Init code that deploys `runtime` as it is. */
const deploying = (runtime: string): string => {
  const size = runtime.length / 2;
  return `0x61${size.toString(16).padStart(4, '0')}80600a3d393df3${runtime}`;
};
/** Calls with `opcode` what its calldata names (32 bytes), with value 1 where the opcode takes one; then logs once. */
const relay = (opcode: 'f1' | 'f2' | 'f4' | 'fa'): string => {
  const value = opcode === 'f1' || opcode === 'f2' ? push(1) : '';
  return `${push(0)}${push(0)}${push(0)}${push(0)}${value}${push(0)}355a${opcode}50${push(7)}${push(0)}${push(0)}a100`;
};

describe('debug_trace', () => {
  let vm: TestVm;
  let contract: Contract;
  let address: string;

  const trace = async <T>(method: string, ...params: unknown[]): Promise<T> => {
    const { result, error } = await vm.rpc(method, params);
    if (error !== undefined) throw new Error(`${error.code} ${error.message}`);
    return result as T;
  };
  const deploy = async (runtime: string, value = 0n): Promise<string> => {
    const sent = await alice.connect(vm.provider).sendTransaction({ data: deploying(runtime), value });
    return String((await vm.receiptOf(sent.hash)).contractAddress);
  };
  const send = async (to: string, data: string, value = 0n): Promise<{ hash: string; gasUsed: bigint }> => {
    const sent = await alice.connect(vm.provider).sendTransaction({ to, data, value, gasLimit: 500_000n });
    return { hash: sent.hash, gasUsed: BigInt((await vm.receiptOf(sent.hash)).gasUsed) };
  };

  beforeAll(async () => {
    vm = await openTestVm();
    contract = await deployProbe(alice.connect(vm.provider), 41n);
    address = (await contract.getAddress()).toLowerCase();
  });

  afterAll(() => vm[Symbol.asyncDispose]());

  test('the struct logger shows every instruction with what it finds', async () => {
    const { hash, gasUsed } = await send(address, probe.encodeFunctionData('set', [42n, 'x']));
    const { gas, failed, returnValue, structLogs } = await trace<StructTrace>('debug_traceTransaction', hash);
    expect([BigInt(gas), failed, returnValue]).toEqual([gasUsed, false, '0x']);
    expect(structLogs[0]).toMatchObject({ pc: 0, op: 'PUSH1', gasCost: 3, depth: 1, stack: [] });
    expect(structLogs[1]).toMatchObject({ pc: 2, op: 'PUSH1', stack: ['0x80'] });
    for (const [index, log] of structLogs.slice(1).entries()) {
      expect(structLogs[index]!.gas - structLogs[index]!.gasCost).toBe(log.gas);
    }
    expect(structLogs.at(-1)?.op).toBe('STOP');
    const store = structLogs.find(({ op }) => op === 'SSTORE');
    expect(store).toMatchObject({ storage: { ['0'.repeat(64)]: `${'0'.repeat(62)}2a` } });
    const bare = { disableStack: true, disableStorage: true, enableMemory: true, limit: 5 };
    const limited = await trace<StructTrace>('debug_traceTransaction', hash, bare);
    expect(limited.structLogs).toHaveLength(5);
    expect(limited.structLogs[4]).not.toHaveProperty('stack');
    expect(limited.structLogs[4]).toHaveProperty('memory', ['0'.repeat(64), '0'.repeat(64), `${'0'.repeat(62)}80`]);
  });

  test('callTracer shows calls of each kind, their logs, and why they failed', async () => {
    const word = zeroPadValue(address, 32);
    const kinds = [
      ['f1', 'CALL', '0x1'],
      ['f2', 'CALLCODE', '0x1'],
      ['f4', 'DELEGATECALL', '0x0'],
      ['fa', 'STATICCALL', undefined],
    ] as const;
    for (const [opcode, type, value] of kinds) {
      const relayer = await deploy(relay(opcode), 5n);
      const { hash, gasUsed } = await send(relayer, word);
      const options = { tracer: 'callTracer', tracerConfig: { withLog: true } };
      const frame = await trace<Frame>('debug_traceTransaction', hash, options);
      const from = relayer;
      expect(frame).toMatchObject({
        type: 'CALL',
        from: alice.address.toLowerCase(),
        to: relayer,
        value: '0x0',
        gas: '0x7a120',
        gasUsed: `0x${gasUsed.toString(16)}`,
        input: word,
        calls: [{ type, from, to: address, input: '0x', gasUsed: expect.any(String) }],
        logs: [{ address: relayer, topics: [zeroPadValue('0x07', 32)], data: '0x', position: '0x1' }],
      });
      expect(frame.calls?.[0]).toHaveProperty('type', type);
      if (value === undefined) expect(frame.calls?.[0]).not.toHaveProperty('value');
      else expect(frame.calls?.[0]).toHaveProperty('value', value);
      const top = { tracer: 'callTracer', tracerConfig: { onlyTopCall: true } };
      expect(await trace('debug_traceTransaction', hash, top)).not.toHaveProperty('calls');
    }
    const { hash } = await send(address, probe.encodeFunctionData('failText'));
    expect(await trace('debug_traceTransaction', hash, { tracer: 'callTracer' })).toMatchObject({
      error: 'execution reverted',
      revertReason: 'no',
      output: expect.stringMatching(/^0x08c379a0/),
    });
  });

  test('callTracer keeps no log of a call that failed, and shows precompiles and creations', async () => {
    // Logs, then reverts.
    const failing = await deploy(`${push(0)}${push(0)}a0${push(0)}${push(0)}fd`);
    const relayer = await deploy(relay('f1'), 5n);
    const { hash } = await send(relayer, zeroPadValue(failing, 32));
    const options = { tracer: 'callTracer', tracerConfig: { withLog: true } };
    const frame = await trace<Frame>('debug_traceTransaction', hash, options);
    expect(frame.calls?.[0]).toMatchObject({ error: 'execution reverted', to: failing });
    expect(frame.calls?.[0]).not.toHaveProperty('logs');
    expect(frame.logs).toHaveLength(1);
    const identity = await send(await deploy(relay('fa')), zeroPadValue('0x04', 32));
    const shown = await trace<Frame>('debug_traceTransaction', identity.hash, options);
    expect(shown.calls).toMatchObject([{ type: 'STATICCALL', to: zeroPadValue('0x04', 20) }]);
    // Creates an empty contract with CREATE, then with CREATE2.
    const factory = await deploy(`${push(0)}${push(0)}${push(0)}f050${push(9)}${push(0)}${push(0)}${push(0)}f55000`);
    const made = await send(factory, '0x');
    const creations = await trace<Frame>('debug_traceTransaction', made.hash, options);
    expect(creations.calls).toMatchObject([
      { type: 'CREATE', to: getCreateAddress({ from: factory, nonce: 1 }).toLowerCase(), value: '0x0' },
      { type: 'CREATE2', to: expect.stringMatching(/^0x[0-9a-f]{40}$/) },
    ]);
  });

  test('prestateTracer shows what was found, and in diff mode what changed', async () => {
    const before = BigInt(await vm.provider.getStorage(address, 0));
    const balance = await vm.provider.getBalance(alice.address);
    const nonce = await vm.provider.getTransactionCount(alice.address);
    const { hash } = await send(address, probe.encodeFunctionData('set', [before + 1n, 'x']), 0n);
    const sender = alice.address.toLowerCase();
    const slot = zeroPadValue('0x00', 32);
    const found = await trace<Prestate>('debug_traceTransaction', hash, { tracer: 'prestateTracer' });
    expect(found[sender]).toEqual({ balance: toQuantity(balance), nonce });
    expect(found[address]).toMatchObject({
      code: await vm.provider.getCode(address),
      storage: { [slot]: zeroPadValue(toBeHex(before), 32) },
    });
    const diff = { tracer: 'prestateTracer', tracerConfig: { diffMode: true } };
    const { pre, post } = await trace<{ pre: Prestate; post: Prestate }>('debug_traceTransaction', hash, diff);
    expect(post).toEqual({
      [sender]: { nonce: nonce + 1 },
      [address]: { storage: { [slot]: zeroPadValue(toBeHex(before + 1n), 32) } },
    });
    expect(Object.keys(pre).toSorted()).toEqual([sender, address].toSorted());
    const paid = await send(poor.address, '0x', 3n);
    const payment = await trace<{ pre: Prestate; post: Prestate }>('debug_traceTransaction', paid.hash, diff);
    expect(payment.post[poor.address.toLowerCase()]).toEqual({ balance: '0x3' });
    expect(payment.pre).not.toHaveProperty(poor.address.toLowerCase());
  });

  test('a whole block runs again with the gas of its receipts', async () => {
    const senders = [alice, bob, carol];
    const data = probe.encodeFunctionData('fill', [500, 3]);
    const hashes = await Promise.all(
      senders.flatMap((sender) =>
        [0, 1, 2].map(async (offset) => {
          const nonce = (await vm.provider.getTransactionCount(sender.address)) + offset;
          const tx = { to: address, data, nonce, gasLimit: 300_000n, gasPrice: 0, chainId: 20_251 };
          return (await vm.provider.broadcastTransaction(await sender.signTransaction(tx))).hash;
        }),
      ),
    );
    const receipts = await Promise.all(hashes.map((hash) => vm.receiptOf(hash)));
    for (const blockHash of new Set(receipts.map((receipt) => receipt.blockHash))) {
      const block = await vm.provider.getBlock(blockHash);
      const options = { tracer: 'callTracer' };
      const traces = await trace<{ txHash: string; result: Frame }[]>('debug_traceBlockByHash', blockHash, options);
      expect(traces.map(({ txHash }) => txHash)).toEqual(block?.transactions);
      for (const { txHash, result } of traces) {
        expect(result.gasUsed).toBe((await vm.receiptOf(txHash)).gasUsed);
      }
    }
  });

  test('a call is traced at a block, with overrides, and leaves nothing', async () => {
    const call = { from: alice.address, to: address, data: probe.encodeFunctionData('value') };
    const slot = zeroPadValue('0x00', 32);
    const word = zeroPadValue('0x63', 32);
    const overrides = { [address]: { stateDiff: { [slot]: word } } };
    const traced = await trace<StructTrace>('debug_traceCall', call, 'latest', { stateOverrides: overrides });
    expect(traced).toMatchObject({ failed: false, returnValue: word });
    const before = (await vm.rpc('eth_call', [call, 'latest'])).result;
    expect(before).not.toBe(word);
    const failing = { to: address, data: probe.encodeFunctionData('failPanic') };
    expect(await trace('debug_traceCall', failing, 'latest', { tracer: 'callTracer' })).toMatchObject({
      error: 'execution reverted',
      revertReason: 'division or modulo by zero (0x12)',
    });
  });

  test('what cannot be traced is refused with the reason', async () => {
    const refusals: [string, unknown[], RegExp][] = [
      ['debug_traceTransaction', [hexlify(new Uint8Array(32))], /-32000 transaction not found/],
      ['debug_traceBlockByNumber', ['0x0'], /-32000 genesis is not traceable/],
      ['debug_traceBlockByNumber', ['0xffffff'], /-32000 header not found/],
      ['debug_traceCall', [{ to: address }, 'latest', { tracer: '{step(){}}' }], /-32602 there is no such tracer/],
      ['debug_traceCall', [{ to: address }, 'latest', { limit: -1 }], /-32602 .*limit/],
      ['debug_traceCall', [{ to: address }, 'latest', { blockOverrides: {} }], /-32602 blockOverrides/],
    ];
    for (const [method, params, reason] of refusals) await expect(trace(method, ...params)).rejects.toThrow(reason);
  });

  test('a trace that outgrows the answer is refused, and the chain goes on', async () => {
    const spin = { to: address, data: probe.encodeFunctionData('spin'), gas: '0x1000000' };
    await expect(trace('debug_traceCall', spin, 'latest', {})).rejects.toThrow(/-32005 the trace is larger than/);
    const { hash } = await send(poor.address, '0x', 1n);
    expect(await trace('debug_traceTransaction', hash, { tracer: 'callTracer' })).toMatchObject({ gasUsed: '0x5208' });
  });
});

function toQuantity(value: bigint): string {
  return `0x${value.toString(16)}`;
}
