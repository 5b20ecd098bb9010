import type { Role } from '@lucid/common/apis/api';
import type { Identity } from '@lucid/common/http/identity';
import { describe, expect, test } from 'vitest';
import { answerRpc, notJson, type RpcCall, type RpcContext } from '../../src/domain/json-rpc.ts';

function context(roles?: readonly Role[]): RpcContext & { readonly forwarded: RpcCall[][] } {
  const forwarded: RpcCall[][] = [];
  const identity: Identity = { subject: 's', roles: roles ?? [], scopes: [], tokenId: 't', expiresAt: 0 };
  return {
    forwarded,
    identity: roles && identity,
    batchMax: 3,
    forward: async (calls) => {
      forwarded.push([...calls]);
      return calls.map(({ method }) => ({ result: method }));
    },
  };
}

const deep = (levels: number): unknown[] => {
  let value: unknown[] = [];
  for (let level = 1; level < levels; level += 1) value = [value];
  return value;
};
const call = (method: string, id?: unknown, params?: unknown) => ({ jsonrpc: '2.0', id, method, params });

describe('requests that are none', () => {
  const cases: [string, unknown, number, unknown][] = [
    ['not JSON', notJson, -32700, null],
    ['nothing', undefined, -32600, null],
    ['a number', 7, -32600, null],
    ['an empty batch', [], -32600, null],
    ['too large a batch', Array.from({ length: 4 }, () => call('eth_chainId', 1)), -32600, null],
    ['no version', { id: 1, method: 'eth_chainId' }, -32600, 1],
    ['another version', { jsonrpc: '1.0', id: 1, method: 'eth_chainId' }, -32600, 1],
    ['no method', { jsonrpc: '2.0', id: 1 }, -32600, 1],
    ['a method that is no text', { jsonrpc: '2.0', id: 'x', method: 1 }, -32600, 'x'],
    ['parameters that are no structure', call('eth_chainId', 1, 'latest'), -32600, 1],
    ['an id that is an object', call('eth_chainId', {}), -32600, null],
    ['an endless id', call('eth_chainId', 'x'.repeat(129)), -32600, null],
    ['an id no client can find again', call('eth_chainId', 2 ** 64), -32600, null],
    ['an endless number as id', JSON.parse('{"jsonrpc":"2.0","id":1e999,"method":"eth_chainId"}'), -32600, null],
    ['parameters deeper than any of the chain’s', call('eth_call', 1, deep(100)), -32602, 1],
    ['parameters deeper than a stack', call('eth_call', 1, deep(200_000)), -32602, 1],
    [
      'a poisoned prototype',
      JSON.parse('{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"__proto__":{}}]}'),
      -32602,
      1,
    ],
    ['a poisoned constructor', call('eth_call', 1, [{ constructor: { prototype: {} } }]), -32602, 1],
    ['an inherited method', JSON.parse('{"jsonrpc":"2.0","id":1,"__proto__":{"method":"eth_chainId"}}'), -32600, 1],
    ['a batch in a batch', [[call('eth_chainId', 1)]], -32600, null],
    ['a method in capitals', call('ETH_CHAINID', 1), -32601, 1],
    ['a method with a line feed', call('eth_chainId\n', 1), -32601, 1],
    ['an unknown method', call('eth_mine', 1), -32601, 1],
    ['a method named like an object member', call('constructor', 1), -32601, 1],
    ['signing with a key of the node', call('eth_sendTransaction', 1), -32601, 1],
  ];
  test.each(cases)('%s', async (_name, body, code, id) => {
    const given = context(['admin', 'service', 'operator']);
    const answer = await answerRpc(body, given);
    expect(Array.isArray(answer) ? answer[0] : answer).toMatchObject({ jsonrpc: '2.0', id, error: { code } });
    expect(given.forwarded).toEqual([]);
  });
});

describe('who may call what', () => {
  const cases: [string, readonly Role[] | undefined, number | undefined][] = [
    ['eth_getLogs', undefined, undefined],
    ['eth_sendRawTransaction', undefined, -32001],
    ['eth_sendRawTransaction', ['user'], undefined],
    ['txpool_status', undefined, -32001],
    ['txpool_status', ['user', 'recorder', 'auditor'], -32001],
    ['txpool_status', ['operator'], undefined],
    ['txpool_content', ['user', 'recorder'], -32001],
    ['txpool_content', ['auditor'], undefined],
    ['debug_traceTransaction', undefined, -32001],
    ['debug_traceTransaction', ['user', 'recorder'], -32001],
    ['debug_traceTransaction', ['auditor'], undefined],
    ['debug_getRawBlock', ['operator'], undefined],
    ['debug_setHead', ['admin', 'operator', 'service'], -32601],
  ];
  test.each(cases)('%s with %o', async (method, roles, code) => {
    const given = context(roles);
    const answer = await answerRpc(call(method, 1), given);
    expect(answer).toMatchObject(code === undefined ? { result: method } : { error: { code } });
    expect(given.forwarded.flat()).toHaveLength(code === undefined ? 1 : 0);
  });
});

describe('batches', () => {
  test('one request to the chain for all; answers in order, none for notifications', async () => {
    const given = context();
    const batch = [call('eth_chainId', 'b'), call('nope', 2), call('net_version')];
    expect(await answerRpc(batch, given)).toMatchObject([
      { id: 'b', result: 'eth_chainId' },
      { id: 2, error: { code: -32601 } },
    ]);
    expect(given.forwarded).toEqual([
      [
        { method: 'eth_chainId', params: [] },
        { method: 'net_version', params: [] },
      ],
    ]);
  });

  test('notifications alone are carried out and not answered', async () => {
    const given = context();
    expect(await answerRpc([call('eth_chainId')], given)).toBeUndefined();
    expect(await answerRpc(call('eth_chainId'), given)).toBeUndefined();
    expect(given.forwarded).toHaveLength(2);
  });

  test('an id of null is an id', async () => {
    expect(await answerRpc(call('eth_chainId', null), context())).toMatchObject({ id: null, result: 'eth_chainId' });
  });
});
