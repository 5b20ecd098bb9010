import { governanceApi } from '@lucid/common/apis/governance';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestGovernance, type TestGovernance } from '../support/governance.ts';

let governance: TestGovernance;
let token: string;
beforeAll(async () => {
  governance = await startTestGovernance();
  token = await governance.chain.identity.userToken();
});
afterAll(async () => await governance?.[Symbol.asyncDispose]());

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** The member's unless given; null for none. */
  readonly token?: string | null;
}

async function send(call: Call): Promise<{ status: number; code: string; errors?: { pointer: string }[] }> {
  const bearer = call.token === undefined ? token : call.token;
  const response = await fetch(governance.url + call.path, {
    method: call.method,
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...call.headers,
    },
    ...(call.body === undefined ? {} : { body: typeof call.body === 'string' ? call.body : JSON.stringify(call.body) }),
  });
  expect(response.headers.get('content-type')).toMatch('application/problem+json');
  return (await response.json()) as { status: number; code: string };
}

const address = `0x${'1'.repeat(40)}`;
const get = (path: string): Call => ({ method: 'GET', path });
const post = (path: string, body?: unknown): Call => ({ method: 'POST', path, body });
const setParam = { type: 'setParam', key: 'maxChunkSize', value: '2000000' };
const proposal = { proposer: address, title: 'A title', actions: [setParam] };
const prepare = (change: object) => post('/proposals/prepare', { ...proposal, ...change });
const vote = { voter: address, support: 'for', signature: `0x${'1'.repeat(130)}` };
const signedVote = (change: object) => post('/proposals/5/signed-votes', { ...vote, ...change });

const cursorOf = (list: string) => Buffer.from(JSON.stringify([list, 1, 1])).toString('base64url');

describe('bad input is answered with the documented code', () => {
  const cases: [string, Call, string, string?][] = [
    ['no body', post('/proposals/prepare'), 'REQUEST_INVALID', '/body'],
    ['an array', post('/proposals/prepare', []), 'REQUEST_INVALID'],
    ['no JSON', post('/proposals/prepare', '{'), 'REQUEST_BODY_MALFORMED'],
    ['a poisoned prototype', post('/proposals/prepare', '{"__proto__":{"a":1}}'), 'REQUEST_BODY_MALFORMED'],
    ['a form', { ...prepare({}), headers: { 'content-type': 'text/plain' } }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['an unknown field', prepare({ urgent: true }), 'REQUEST_INVALID', '/body/urgent'],
    ['a title that is no text', prepare({ title: 5 }), 'REQUEST_INVALID', '/body/title'],
    ['a title of two lines', prepare({ title: 'a\nb' }), 'REQUEST_INVALID', '/body/title'],
    ['an empty title', prepare({ title: '' }), 'REQUEST_INVALID', '/body/title'],
    ['a title too long', prepare({ title: 'x'.repeat(201) }), 'REQUEST_INVALID', '/body/title'],
    ['a text too long', prepare({ description: 'x'.repeat(10_001) }), 'REQUEST_INVALID', '/body/description'],
    ['no actions', prepare({ actions: [] }), 'REQUEST_INVALID', '/body/actions'],
    [
      'too many actions',
      prepare({ actions: Array.from({ length: 17 }, () => setParam) }),
      'REQUEST_INVALID',
      '/body/actions',
    ],
    ['an unknown action', prepare({ actions: [{ type: 'mint' }] }), 'REQUEST_INVALID'],
    ['a value that is a number', prepare({ actions: [{ ...setParam, value: 5 }] }), 'REQUEST_INVALID'],
    ['a negative value', prepare({ actions: [{ ...setParam, value: '-5' }] }), 'REQUEST_INVALID'],
    ['no seats', prepare({ actions: [{ type: 'grantSeats', account: address, seats: 0 }] }), 'REQUEST_INVALID'],
    ['an address too short', prepare({ proposer: '0x12' }), 'REQUEST_INVALID', '/body/proposer'],
    ['a body too large', post('/proposals/prepare', { ...proposal, title: 'x'.repeat(700_000) }), 'REQUEST_TOO_LARGE'],
    ['a proposer without votes', prepare({}), 'GOVERNANCE_VOTING_POWER_MISSING'],
    ['a value out of bounds', prepare({ actions: [{ ...setParam, value: '5' }] }), 'GOVERNANCE_PARAM_OUT_OF_BOUNDS'],
    ['an unknown parameter', prepare({ actions: [{ ...setParam, key: 'x' }] }), 'GOVERNANCE_PARAM_NOT_FOUND'],
    [
      'a transaction that is no hex',
      post('/proposals', { rawTransaction: 'x' }),
      'REQUEST_INVALID',
      '/body/rawTransaction',
    ],
    ['a transaction that is none', post('/proposals', { rawTransaction: '0x02c0' }), 'GOVERNANCE_TRANSACTION_INVALID'],
    ['a vote for maybe', signedVote({ support: 'maybe' }), 'REQUEST_INVALID', '/body/support'],
    ['a reason too long', signedVote({ reason: 'x'.repeat(1_001) }), 'REQUEST_INVALID', '/body/reason'],
    ['a signature too short', signedVote({ signature: '0x12' }), 'REQUEST_INVALID', '/body/signature'],
    ['a vote on nothing', signedVote({}), 'GOVERNANCE_PROPOSAL_NOT_FOUND'],
    ['a proposal id that is none', get('/proposals/first'), 'REQUEST_INVALID', '/params/proposalId'],
    ['a proposal id over 256 bits', get(`/proposals/${'9'.repeat(78)}`), 'GOVERNANCE_PROPOSAL_NOT_FOUND'],
    ['a proposal that is not', get('/proposals/5'), 'GOVERNANCE_PROPOSAL_NOT_FOUND'],
    ['queueing what is not', post('/proposals/5/queue'), 'GOVERNANCE_PROPOSAL_NOT_FOUND'],
    ['executing what is not', post('/proposals/5/execute'), 'GOVERNANCE_PROPOSAL_NOT_FOUND'],
    [
      'cancelling what is not',
      post('/proposals/5/cancel', { rawTransaction: '0x00' }),
      'GOVERNANCE_PROPOSAL_NOT_FOUND',
    ],
    ['a signed vote nobody sent', get(`/proposals/5/signed-votes/${address}`), 'GOVERNANCE_VOTE_NOT_FOUND'],
    [
      'preparing a vote on nothing',
      post('/proposals/5/votes/prepare', { voter: address, support: 'for' }),
      'GOVERNANCE_PROPOSAL_NOT_FOUND',
    ],
    ['votes on nothing', get('/proposals/5/votes'), 'GOVERNANCE_PROPOSAL_NOT_FOUND'],
    ['a limit of nothing', get('/proposals?limit=0'), 'REQUEST_INVALID', '/querystring/limit'],
    ['a limit too high', get('/members?limit=201'), 'REQUEST_INVALID', '/querystring/limit'],
    ['an unknown state', get('/proposals?state=lost'), 'REQUEST_INVALID', '/querystring/state'],
    ['an unknown query', get('/proposals?sort=title'), 'REQUEST_INVALID'],
    ['a cursor of nobody', get('/proposals?cursor=abc'), 'CURSOR_INVALID'],
    ['a cursor of another list', get(`/members?cursor=${cursorOf('proposals@1')}`), 'CURSOR_INVALID'],
    ['a parameter that is not', get('/params/unknown'), 'GOVERNANCE_PARAM_NOT_FOUND'],
    ['the history of what is not', get('/params/unknown/changes'), 'GOVERNANCE_PARAM_NOT_FOUND'],
    ['a member who is not', get(`/members/${address}`), 'GOVERNANCE_MEMBER_NOT_FOUND'],
    ['a path that is not', get('/ballots'), 'ROUTE_NOT_FOUND'],
    ['a method that is not', { method: 'DELETE', path: '/proposals' }, 'ROUTE_NOT_FOUND'],
  ];
  test.each(cases)('%s', async (_name, call, code, pointer) => {
    const problem = await send(call);
    expect(problem.code).toBe(code);
    if (pointer !== undefined) expect(problem.errors?.map((error) => error.pointer)).toContain(pointer);
  });
});

describe('every operation keeps its access rule', () => {
  const operations = Object.entries(governanceApi.operations);
  const toPath = (path: string) =>
    path
      .replace('{proposalId}', '5')
      .replace('{voter}', address)
      .replace('{address}', address)
      .replace('{key}', 'maxChunkSize');
  const restricted = operations.filter(([, operation]) => operation.access !== 'public');

  test('most read, nobody writes without a token', () => {
    expect(restricted.map(([name]) => name).toSorted()).toEqual(
      operations
        .filter(([name, { method }]) => method !== 'GET' || name === 'getSignedVote')
        .map(([name]) => name)
        .toSorted(),
    );
  });

  test.each(restricted)('%s', async (_name, { method, path }) => {
    const { identity } = governance.chain;
    const call = { method, path: toPath(path) };
    expect(await send({ ...call, token: null })).toMatchObject({ status: 401, code: 'AUTH_TOKEN_MISSING' });
    const expired = await identity.userToken({ lifeSec: -10 });
    expect(await send({ ...call, token: expired })).toMatchObject({ status: 401, code: 'AUTH_TOKEN_EXPIRED' });
    const elsewhere = await identity.userToken({ audience: 'elsewhere' });
    expect(await send({ ...call, token: elsewhere })).toMatchObject({ status: 401, code: 'AUTH_AUDIENCE_WRONG' });
    for (const role of ['recorder', 'auditor'] as const) {
      const token = await identity.userToken({ roles: [role] });
      expect(await send({ ...call, token })).toMatchObject({ status: 403, code: 'AUTH_ROLE_MISSING' });
    }
    const service = await identity.serviceToken('gateway', 'governance');
    expect(await send({ ...call, token: service })).toMatchObject({ status: 403, code: 'AUTH_ROLE_MISSING' });
  });

  test.each(operations.filter(([, operation]) => operation.access === 'public'))(
    '%s is open',
    async (_name, { path }) => {
      const response = await fetch(governance.url + toPath(path));
      expect([200, 404]).toContain(response.status);
      await response.body?.cancel();
    },
  );
});
