import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alice, bob, CHAIN_ID, poor } from './support/accounts.ts';
import { openTestVm } from './support/test-vm.ts';

const push = (n: number, bytes = 1): string =>
  `${(0x5f + bytes).toString(16)}${n.toString(16).padStart(bytes * 2, '0')}`;
/** Init code that deploys `runtime` as it is. */
const deploying = (runtime: string): string =>
  `0x61${(runtime.length / 2).toString(16).padStart(4, '0')}80600a3d393df3${runtime}`;
/** Repeats `body` for ever. */
const forever = (body: string): string => `5b${body}600056`;

/** What a contract may do to those who share the chain with it: each runs until its gas ends, or its reach. */
const contracts: readonly (readonly [name: string, runtime: string])[] = [
  ['an endless loop', forever('')],
  ['memory that only grows', forever(`${push(0)}59${push(0x10000, 3)}0152`)],
  ['itself, ever deeper', `${push(0)}${push(0)}${push(0)}${push(0)}${push(0)}305af150${push(0)}${push(0)}fd`],
  ['logs of 30 kB, for ever', forever(`${push(30_000, 2)}${push(0)}a0`)],
  ['a fresh slot each time', forever('5a8055')],
  ['contracts, created for ever', forever(`${push(0x6000, 2)}${push(0)}${push(0)}f050`)],
  ['hashes of 64 kB, for ever', forever(`${push(0x10000, 3)}${push(0)}2050`)],
  ['powers of large numbers, for ever', forever(`${push(0)}19${push(0)}190a50`)],
  ['an answer of 1 MB', `${push(1_000_000, 3)}${push(0)}f3`],
];

describe('hostile contracts', () => {
  let vm: Awaited<ReturnType<typeof openTestVm>>;
  let nonce = 0;

  const send = async (fields: Record<string, unknown>): Promise<string> => {
    const tx = { nonce: nonce++, gasLimit: 1_000_000, gasPrice: 0, chainId: CHAIN_ID, ...fields };
    const { result, error } = await vm.rpc('eth_sendRawTransaction', [await alice.signTransaction(tx)]);
    if (error !== undefined) throw new Error(error.message);
    return String(result);
  };

  /** Asks for health until `work` has ended, at least once; answers how often it was there. */
  const healthDuring = async (work: Promise<unknown>): Promise<number> => {
    const running = new AbortController();
    const ended = work.finally(() => running.abort());
    let answers = 0;
    do {
      const { status } = await fetch(`${vm.url}/livez`);
      expect(status).toBe(200);
      answers += 1;
    } while (!running.signal.aborted);
    await ended;
    return answers;
  };

  beforeAll(async () => {
    vm = await openTestVm({ env: { VM_CALL_DEADLINE_MS: '1000' } });
  });

  afterAll(() => vm[Symbol.asyncDispose]());

  test.each(contracts)('%s: in a transaction, others and health go on', async (_name, runtime) => {
    const { contractAddress } = await vm.receiptOf(await send({ data: deploying(runtime) }));
    expect(contractAddress).not.toBeNull();
    const attacks = await Promise.all(
      Array.from({ length: 3 }, () => send({ to: contractAddress, gasLimit: 16_777_216 })),
    );
    const bobNonce = Number((await vm.rpc('eth_getTransactionCount', [bob.address, 'pending'])).result);
    const transfer = { to: poor.address, value: 1n, nonce: bobNonce, gasLimit: 21_000, gasPrice: 0, chainId: CHAIN_ID };
    const { result } = await vm.rpc('eth_sendRawTransaction', [await bob.signTransaction(transfer)]);
    expect(await healthDuring(vm.receiptOf(String(result)))).toBeGreaterThan(0);
    for (const hash of attacks) expect(BigInt((await vm.receiptOf(hash)).gasUsed)).toBeLessThanOrEqual(16_777_216n);
    const head = await vm.provider.getBlock('latest');
    expect(head?.gasUsed).toBeLessThanOrEqual(head?.gasLimit ?? 0n);
  });

  test.each(contracts)('%s: called, estimated and traced, it ends at a limit', async (_name, runtime) => {
    const { contractAddress } = await vm.receiptOf(await send({ data: deploying(runtime) }));
    const call = { to: contractAddress, gas: '0x1000000' };
    const asked = [
      vm.rpc('eth_call', [call, 'latest']),
      vm.rpc('eth_estimateGas', [call]),
      vm.rpc('debug_traceCall', [call, 'latest', {}]),
      vm.rpc('debug_traceCall', [call, 'latest', { tracer: 'callTracer', tracerConfig: { withLog: true } }]),
    ];
    await healthDuring(Promise.all(asked));
    for (const { error } of await Promise.all(asked)) {
      expect([undefined, -32000, -32005, 3]).toContain(error?.code);
    }
    // Whoever asks next finds a thread that works.
    expect((await vm.rpc('eth_call', [{ to: poor.address }, 'latest'])).result).toBe('0x');
  });
});
