import { expect, test } from 'vitest';
import { type Caller, type CallerLimits, limitCallers } from '../../src/domain/caller-limits.ts';
import type { RpcCall } from '../../src/domain/json-rpc.ts';

const limits: CallerLimits = { callsPerMinute: 1000, transactionsPerMinute: 5, filtersPerMinute: 3, deadlineMs: 300 };
const stranger = (key: string): Caller => ({ kind: 'stranger', key });
const calls = (method: string, count: number): RpcCall[] =>
  Array.from({ length: count }, () => ({ method, params: [] }));

/** A chain whose calls wait until they are let go. */
function slowChain() {
  const held: { readonly calls: readonly RpcCall[]; readonly go: () => void }[] = [];
  const forward = async (asked: readonly RpcCall[]) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held.push({ calls: asked, go: resolve });
    await promise;
    return asked.map(({ method }) => ({ result: method }));
  };
  return { held, limited: limitCallers(forward, limits) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const codes = (outcomes: readonly object[]) =>
  outcomes.map((outcome) => ('error' in outcome ? (outcome.error as { code: number }).code : 'ok'));

test('what strangers make the chain execute is a few calls at a time, in turns', async () => {
  const { held, limited } = slowChain();
  const flood = Array.from({ length: 10 }, () => limited(calls('eth_call', 100), stranger('evil')));
  const other = limited(calls('eth_estimateGas', 1), stranger('honest'));
  await turn();
  const running = () => held.flatMap(({ calls: asked }) => asked);
  expect(running().length).toBeLessThanOrEqual(8);
  for (let index = 0; index < 3; index += 1) {
    held[index]?.go();
    await turn();
  }
  expect(running().some(({ method }) => method === 'eth_estimateGas')).toBe(true);
  const service = limited(calls('eth_call', 50), { kind: 'service', key: 'governance' });
  await turn();
  expect(held.at(-1)?.calls).toHaveLength(50);
  for (let index = 0; index < held.length; index += 1) {
    held[index]?.go();
    await turn();
  }
  expect(codes(await other)).toEqual(['ok']);
  expect(codes(await service)).toEqual(Array(50).fill('ok'));
  expect((await Promise.all(flood)).flatMap(codes).filter((code) => code !== 'ok').length).toBeGreaterThan(0);
});

test('more callers than can wait are refused, and whoever waits too long', async () => {
  const { limited } = slowChain();
  const waiting = Array.from({ length: 600 }, (_, index) => limited(calls('eth_call', 1), stranger(`bot ${index}`)));
  const refused = await Promise.all(waiting.slice(300));
  expect(new Set(refused.flatMap(codes))).toEqual(new Set([-32005]));
  const late = await Promise.all(waiting.slice(1, 257));
  expect(new Set(late.flatMap(codes))).toEqual(new Set([-32002]));
  expect(codes(await limited(calls('eth_chainId', 0), stranger('bot 700')))).toEqual([]);
});

test('each caller has a quota of calls, transactions and filters; services have none', async () => {
  const limited = limitCallers(async (asked) => asked.map(({ method }) => ({ result: method })), limits);
  const token = (key: string): Caller => ({ kind: 'token', key });
  const count = async (method: string, caller: Caller, size: number) =>
    codes(await limited(calls(method, size), caller)).filter((code) => code === 'ok').length;
  expect(await count('eth_sendRawTransaction', token('a'), 9)).toBe(5);
  expect(await count('eth_sendRawTransaction', token('b'), 9)).toBe(5);
  expect(await count('eth_newFilter', stranger('c'), 9)).toBe(3);
  expect(await count('eth_newBlockFilter', stranger('c'), 1)).toBe(0);
  expect(await count('eth_chainId', stranger('c'), 1200)).toBe(1000 - 10);
  expect(await count('eth_chainId', stranger('d'), 10)).toBe(10);
  expect(await count('eth_sendRawTransaction', { kind: 'service', key: 'governance' }, 2000)).toBe(2000);
});

test('answers keep the order of the calls', async () => {
  const limited = limitCallers(async (asked) => asked.map(({ params }) => ({ result: params })), limits);
  const mixed = ['eth_call', 'eth_chainId', 'eth_getLogs', 'eth_newFilter', 'eth_call', 'net_version', 'eth_call'];
  const outcomes = await limited(
    mixed.map((method, index) => ({ method, params: [index] })),
    stranger('a'),
  );
  expect(outcomes).toEqual(mixed.map((_method, index) => ({ result: [index] })));
});
