import { getEventListeners } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineApi } from '@lucid/common/apis/api';
import { strictObject } from '@lucid/common/apis/schemas';
import { CircuitBreaker } from '@lucid/common/http/circuit-breaker';
import { type ClientOptions, createClient, toUrl } from '@lucid/common/http/client';
import Type from 'typebox';
import { describe, expect, test } from 'vitest';

const done = { 200: { description: 'Done', schema: strictObject({ done: Type.Boolean() }) } };
const api = defineApi({
  service: 'shelf',
  title: 'Shelf',
  description: 'Holds books',
  errors: {},
  operations: {
    get: { method: 'GET', path: '/get', summary: 'Reads', access: 'public', responses: done },
    post: { method: 'POST', path: '/post', summary: 'Writes', access: 'public', responses: done },
    postOnce: {
      method: 'POST',
      path: '/once',
      summary: 'Writes',
      access: 'public',
      responses: done,
      idempotencyKey: true,
    },
  },
});

async function serve(answer: RequestListener, options: Partial<ClientOptions> = {}) {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    client: createClient(api, { baseUrl, ...options }),
    asked: () => asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const busy: RequestListener = (_request, response) => response.writeHead(503, { 'retry-after': '0' }).end('{}');

describe('repeating', () => {
  test('what may be repeated is, up to the limit', async () => {
    await using server = await serve(busy);
    await expect(server.client.get()).rejects.toMatchObject({ status: 503 });
    expect(server.asked()).toBe(3);
  });

  test('a POST is repeated only if the operation reads the key', async () => {
    await using server = await serve(busy);
    await expect(server.client.post({}, { idempotencyKey: 'key' })).rejects.toMatchObject({ status: 503 });
    expect(server.asked()).toBe(1);
    await expect(server.client.postOnce({}, { idempotencyKey: 'key' })).rejects.toMatchObject({ status: 503 });
    expect(server.asked()).toBe(4);
    await expect(server.client.postOnce({})).rejects.toMatchObject({ status: 503 });
    expect(server.asked()).toBe(5);
  });

  test('a signal that lives long keeps nothing of the calls made under it', async () => {
    await using server = await serve(busy);
    const { signal } = new AbortController();
    await expect(server.client.get({}, { signal })).rejects.toMatchObject({ status: 503 });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('a caller who gives up ends the pause', async () => {
    const caller = new AbortController();
    await using server = await serve((_request, response) => {
      response
        .writeHead(503, { 'retry-after': '5' })
        .end('{}', () => setImmediate(() => caller.abort(new Error('gone'))));
    });
    await expect(server.client.get({}, { signal: caller.signal })).rejects.toThrow('gone');
    expect(server.asked()).toBe(1);
  });
});

describe('answers', () => {
  test.each(['<html>', 'null', '[]', '"text"', '{"code":7,"errors":"x"}'])(
    'an error that is no problem (%s) has a code',
    async (body) => {
      await using server = await serve((_request, response) => response.writeHead(500).end(body));
      const expected = { code: 'UPSTREAM_ANSWER_INVALID', status: 500, errors: [] };
      await expect(server.client.get()).rejects.toMatchObject(expected);
    },
  );

  test('a success that is not JSON is the service\u2019s fault, and not repeated', async () => {
    await using server = await serve((_request, response) => response.end('<html>'));
    await expect(server.client.get()).rejects.toMatchObject({ code: 'UPSTREAM_ANSWER_INVALID', status: 502 });
    expect(server.asked()).toBe(1);
  });

  test('no answer in time, and nobody there', async () => {
    await using server = await serve(() => undefined, { timeoutMs: 50, attemptsMax: 1 });
    await expect(server.client.get()).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT', status: 504 });
    const nobody = createClient(api, { baseUrl: 'http://127.0.0.1:1', attemptsMax: 1 });
    await expect(nobody.get()).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE', status: 503 });
  });
});

describe('addresses', () => {
  const operation = { ...api.operations.get, path: '/books/{id}/{+rest}' as const };
  test('segments are encoded, lists are repeated', () => {
    const input = { params: { id: 'a/b?c', '*': 'x/y z' }, query: { tag: ['a', 'b&c'], none: undefined } };
    expect(toUrl('http://h/base/', operation, input)).toBe('http://h/base/books/a%2Fb%3Fc/x/y%20z?tag=a&tag=b%26c');
  });

  test.each([
    ['..', 'x'],
    ['.', 'x'],
    ['a', 'x/../../y'],
  ])('%s and %s would be another path', (id, rest) => {
    const call = () => toUrl('http://h', operation, { params: { id, '*': rest } });
    expect(call).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
  });
});

describe('the circuit breaker', () => {
  const fault = () => Promise.reject(new Error('fault'));
  const open = () => {
    let now = 0;
    const breaker = new CircuitBreaker('shelf', { failuresMax: 2, openMs: 1000, now: () => now });
    return { breaker, pass: (ms: number) => void (now += ms) };
  };
  const run = (breaker: CircuitBreaker, work: () => Promise<unknown>, verdict: boolean | undefined = true) =>
    breaker.run(work, () => verdict).catch((error: unknown) => (error as { code?: string }).code ?? 'failed');

  test('one probe decides; the others are refused meanwhile', async () => {
    const { breaker, pass } = open();
    await run(breaker, fault);
    await run(breaker, fault);
    expect(breaker.state).toBe('open');
    pass(1000);
    const probe = Promise.withResolvers<string>();
    const probing = run(breaker, () => probe.promise);
    expect(await run(breaker, async () => 'second')).toBe('CIRCUIT_OPEN');
    probe.resolve('well');
    expect(await probing).toBe('well');
    expect(breaker.state).toBe('closed');
  });

  test('a call from before it opened does not hold it open', async () => {
    const { breaker, pass } = open();
    const late = Promise.withResolvers<never>();
    const old = run(breaker, () => late.promise);
    await run(breaker, fault);
    await run(breaker, fault);
    pass(999);
    late.reject(new Error('fault'));
    await old;
    pass(1);
    expect(breaker.state).toBe('half-open');
  });

  test('callers who give up say nothing of the service', async () => {
    await using server = await serve(() => undefined, { breaker: { failuresMax: 1, openMs: 60_000 } });
    const reason = new Error('gone');
    await expect(server.client.get({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(server.client.get({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
