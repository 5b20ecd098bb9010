import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { chunkPath, openTestGateway, type TestGateway } from './support/gateway.ts';
import { problemCode, sendRaw } from './support/raw.ts';
import { headerOf, startUpstream, type TestUpstream } from './support/upstream.ts';

let upstream: TestUpstream;
let gateway: TestGateway;
let token: string;

beforeAll(async () => {
  upstream = await startUpstream();
  gateway = await openTestGateway({ upstreamUrl: upstream.url });
  token = await gateway.identity.userToken({ roles: ['user'] });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.received.length = 0;
});

const base = '/api/v1/chain';
const get = (target: string, headers = '') => `GET ${target} HTTP/1.1\r\nHost: lucid.test\r\n${headers}\r\n`;
const post = (headers: string, body: string, target = `${base}/rpc`) =>
  `POST ${target} HTTP/1.1\r\nHost: lucid.test\r\n${headers}\r\n${body}`;

/** What the client is answered, and what reached the upstream; null: nothing did. */
type Case = [name: string, bytes: string, statuses: readonly number[], line: string | null, code?: string];

const ambiguous = 'GATEWAY_REQUEST_AMBIGUOUS';

const paths: Case[] = [
  ['plain', get(`${base}/blocks?limit=1`), [200], 'GET /blocks?limit=1'],
  ['the root of a family', post('Content-Length: 2\r\n', '{}', base), [200], 'POST /'],
  ['colon', get('/api/v1/ledger/entries'), [200], 'GET /entries'],
  [
    'query with every visible character',
    get(`${base}/blocks?a=!$&'()*+,;=:@/?-._~[]{}|^\`"<>%25%2f`),
    [200],
    'GET /blocks?a=!$&\'()*+,;=:@/?-._~[]{}|^`"<>%25%2f',
  ],
  ['malformed escape', get(`${base}/blocks/%zz`), [400], null, 'REQUEST_INVALID'],
  ['malformed escape in the query', get(`${base}/blocks?a=%zz`), [400], null, ambiguous],
  ['encoded dot segment', get(`${base}/blocks/%2e%2e/chain`), [400], null, ambiguous],
  ['half-encoded dot segment', get(`${base}/blocks/.%2E/chain`), [400], null, ambiguous],
  ['encoded slash after dots', get(`${base}/blocks/..%2fchain`), [400], null, ambiguous],
  ['dot segment', get(`${base}/blocks/../chain`), [400], null, ambiguous],
  ['single dot segment', get(`${base}/./chain`), [400], null, ambiguous],
  ['dots at the end', get(`${base}/blocks/..`), [400], null, ambiguous],
  ['doubly encoded dots', get(`${base}/blocks/%252e%252e/chain`), [400], null, ambiguous],
  ['encoded slash', get(`${base}/blocks%2flatest`), [400], null, ambiguous],
  ['encoded unreserved letter', get(`${base}/%62locks`), [400], null, ambiguous],
  ['backslash', get(`${base}\\..\\chain`), [400], null, ambiguous],
  ['encoded backslash', get(`${base}/blocks/..%5cchain`), [400], null, ambiguous],
  ['encoded NUL', get(`${base}/blocks/%00`), [400], null, ambiguous],
  ['encoded NUL in the query', get(`${base}/blocks?a=%00`), [400], null, ambiguous],
  ['encoded line break', get(`${base}/blocks/a%0d%0aX-Evil:1`), [400], null, ambiguous],
  ['double slash', get('//evil.example/x'), [400], null, ambiguous],
  ['double slash inside', get(`${base}//blocks`), [400], null, ambiguous],
  ['absolute form', get('http://evil.example/x'), [400], null],
  ['fragment', get(`${base}/chain#x`), [400], null, ambiguous],
  ['path parameter', get(`${base}/chain;v=1`), [400], null, ambiguous],
  ['not UTF-8', get(`${base}/blocks/%ff`), [400], null],
  ['raw bytes above ASCII', get(`${base}/blocks/\u00e9`), [400], null],
  ['trailing slash', get(`${base}/chain/`), [404], null, 'ROUTE_NOT_FOUND'],
  ['other case', get('/API/v1/chain/chain'), [404], null, 'ROUTE_NOT_FOUND'],
  ['the prefix alone', get('/api/v1/'), [404], null, 'ROUTE_NOT_FOUND'],
  ['another family', get('/api/v1/vm/status'), [404], null, 'ROUTE_NOT_FOUND'],
  ["a service's metrics", get(`${base}/metrics`), [404], null, 'ROUTE_NOT_FOUND'],
  ["a service's probe", get(`${base}/readyz`), [404], null, 'ROUTE_NOT_FOUND'],
  ['target of 9 KB', get(`${base}/blocks?a=${'a'.repeat(9000)}`), [400], null, ambiguous],
];

const framing: Case[] = [
  [
    'Content-Length and Transfer-Encoding',
    post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\nGET /x'),
    [400],
    null,
  ],
  ['two Content-Lengths', post('Content-Length: 2\r\nContent-Length: 3\r\n', '{} '), [400], null],
  ['equal Content-Lengths', post('Content-Length: 2\r\nContent-Length: 2\r\n', '{}'), [400], null],
  ['Content-Length +2', post('Content-Length: +2\r\n', '{}'), [400], null],
  ['negative Content-Length', post('Content-Length: -2\r\n', '{}'), [400], null],
  ['Content-Length list', post('Content-Length: 2, 2\r\n', '{}'), [400], null],
  ['Transfer-Encoding: xchunked', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'), [400], null],
  [
    'Transfer-Encoding with a space before the colon',
    post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'),
    [400],
    null,
  ],
  ['chunked not last', post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'), [400], null],
  ['chunked', post('Transfer-Encoding: chunked\r\n', '2\r\n{}\r\n0\r\n\r\n'), [200], 'POST /rpc'],
  ['chunk size 0x2', post('Transfer-Encoding: chunked\r\n', '0x2\r\n{}\r\n0\r\n\r\n'), [400], null],
  ['chunk line ended by LF', post('Transfer-Encoding: chunked\r\n', '2\n{}\n0\n\n'), [400], null],
  ['chunk size overflow', post('Transfer-Encoding: chunked\r\n', 'fffffffffffffffff\r\n{}'), [400], null],
  ['GET with a body', get(`${base}/chain`, 'Content-Length: 2\r\n').concat('{}'), [400], null, ambiguous],
  [
    'GET with a chunked body',
    get(`${base}/chain`, 'Transfer-Encoding: chunked\r\n').concat('0\r\n\r\n'),
    [400],
    null,
    ambiguous,
  ],
  ['Expect: 100-continue', post('Content-Length: 2\r\nExpect: 100-continue\r\n', '{}'), [100, 200], 'POST /rpc'],
  ['Expect of something else', post('Content-Length: 2\r\nExpect: magic\r\n', '{}'), [417], null],
  [
    'not JSON passes as it is',
    post('Content-Type: application/json\r\nContent-Length: 2\r\n', '{{'),
    [200],
    'POST /rpc',
  ],
  ['no content type', post('Content-Length: 2\r\n', '{}'), [200], 'POST /rpc'],
  [
    'malformed content type',
    post('Content-Type: a\r\nContent-Length: 2\r\n', '{}'),
    [415],
    null,
    'MEDIA_TYPE_UNSUPPORTED',
  ],
  ['body over the limit', post('Content-Length: 999999999\r\n', ''), [413], null, 'REQUEST_TOO_LARGE'],
];

const headers: Case[] = [
  ['folded header', get(`${base}/chain`, 'X-A: 1\r\n 2\r\n'), [400], null],
  ['lines ended by LF', `GET ${base}/chain HTTP/1.1\nHost: lucid.test\n\n`, [400], null],
  ['bare CR in a value', get(`${base}/chain`, 'X-A: 1\rX-B: 2\r\n'), [400], null],
  ['NUL in a value', get(`${base}/chain`, 'X-A: 1\0\r\n'), [400], null],
  ['space in a name', get(`${base}/chain`, 'X A: 1\r\n'), [400], null],
  ['no Host', `GET ${base}/chain HTTP/1.1\r\n\r\n`, [400], null],
  ['empty Host', `GET ${base}/chain HTTP/1.1\r\nHost:\r\n\r\n`, [400], null, ambiguous],
  ['Host with a path', `GET ${base}/chain HTTP/1.1\r\nHost: a/b\r\n\r\n`, [400], null, ambiguous],
  ['two Hosts', get(`${base}/chain`, 'Host: evil.example\r\n'), [400], null, ambiguous],
  [
    'two Authorizations',
    get(`${base}/chain`, 'Authorization: Bearer a\r\nAuthorization: Bearer b\r\n'),
    [400],
    null,
    ambiguous,
  ],
  [
    'Authorization of another scheme',
    get(`${base}/chain`, 'Authorization: Basic YTpi\r\n'),
    [401],
    null,
    'AUTH_TOKEN_INVALID',
  ],
  ['header of 70 KB', get(`${base}/chain`, `X-A: ${'a'.repeat(70_000)}\r\n`), [431], null, 'HEADERS_TOO_LARGE'],
  ['HTTP/1.0 with Host', `GET ${base}/chain HTTP/1.0\r\nHost: lucid.test\r\n\r\n`, [200], 'GET /chain'],
  ['HTTP/1.0 without Host', `GET ${base}/chain HTTP/1.0\r\n\r\n`, [400], null, ambiguous],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400], null],
  [
    'upgrade to h2c',
    get(`${base}/chain`, 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'),
    [200],
    'GET /chain',
  ],
  ['TRACE', `TRACE ${base}/chain HTTP/1.1\r\nHost: lucid.test\r\n\r\n`, [405], null],
  ['PROPFIND', `PROPFIND ${base}/chain HTTP/1.1\r\nHost: lucid.test\r\n\r\n`, [405], null],
  ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n', [], null],
  ['method in lower case', `get ${base}/chain HTTP/1.1\r\nHost: lucid.test\r\n\r\n`, [400], null],
  ['wrong method', post('Content-Length: 0\r\n', '', `${base}/chain`), [405], null, 'GATEWAY_METHOD_NOT_ALLOWED'],
];

describe.each([
  { group: 'paths', cases: paths },
  { group: 'framing', cases: framing },
  { group: 'headers', cases: headers },
])('$group', ({ cases }) => {
  test.each(cases)('%s', async (...[, bytes, statuses, line, code]: Case) => {
    const answer = await sendRaw(gateway.url, Buffer.from(bytes, 'latin1'));
    expect(answer.statuses).toEqual(statuses);
    expect(upstream.received.map((received) => received.line)).toEqual(line === null ? [] : [line]);
    if (code !== undefined) expect(problemCode(answer)).toBe(code);
    expect(answer.text).not.toContain('"statusCode"');
  });
});

describe('what the upstream gets', () => {
  const receivedWith = async (extra: string) => {
    const answer = await sendRaw(gateway.url, get(`${base}/chain`, extra));
    expect(answer.statuses).toEqual([200]);
    const [received] = upstream.received;
    if (!received) throw new Error('nothing reached the upstream');
    return received;
  };

  test.each([
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Host: evil.example',
    'X-Forwarded-Proto: gopher',
    'X_Forwarded_For: 6.6.6.6',
    'Forwarded: for=6.6.6.6',
    'X-Real-IP: 6.6.6.6',
    'X-Original-URL: /metrics',
    'X-Rewrite-URL: /metrics',
    'X-HTTP-Method-Override: DELETE',
    'X-User: admin',
    'Keep-Alive: timeout=999',
    'TE: trailers',
    'Trailer: X-A',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic YTpi',
    'Upgrade: websocket',
    '__proto__: polluted',
    'X-Request-Id: evil',
    'Traceparent: evil',
  ])('not what a client claims or means for this hop: %s', async (header) => {
    const received = await receivedWith(`${header}\r\n`);
    const [name = '', value = ''] = header.toLowerCase().split(': ');
    expect(headerOf(received, name)).not.toBe(value);
    expect(headerOf(received, 'x-forwarded-for')).toBe('127.0.0.1');
    expect(headerOf(received, 'x-forwarded-host')).toBe('lucid.test');
    expect(headerOf(received, 'x-forwarded-proto')).toBe('http');
    expect(headerOf(received, 'x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(headerOf(received, 'traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(headerOf(received, 'host')).toBe(new URL(upstream.url).host);
    expect({}).not.toHaveProperty('polluted');
  });

  test('headers listed by Connection are for this hop, but credentials are not', async () => {
    const received = await receivedWith(
      `Connection: X-Hop, Authorization\r\nX-Hop: 1\r\nX-Kept: 2\r\nAuthorization: Bearer ${token}\r\n`,
    );
    expect(headerOf(received, 'x-hop')).toBeUndefined();
    expect(headerOf(received, 'x-kept')).toBe('2');
    expect(headerOf(received, 'authorization')).toBe(`Bearer ${token}`);
  });

  test('the body and its length as they came', async () => {
    const body = 'x'.repeat(1000);
    const head = `PUT ${chunkPath} HTTP/1.1\r\nHost: lucid.test\r\nAuthorization: Bearer ${token}\r\n`;
    const rest = `Content-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\n${body}`;
    expect((await sendRaw(gateway.url, head + rest)).statuses).toEqual([200]);
    const [received] = upstream.received;
    expect(received?.body.toString()).toBe(body);
    expect(received && headerOf(received, 'content-length')).toBe('1000');
  });

  test('a pipelined request is a request of its own', async () => {
    const answer = await sendRaw(
      gateway.url,
      get(`${base}/chain`) + get('/api/v1/chain/metrics', 'Connection: close\r\n'),
    );
    expect(answer.statuses[0]).toBe(200);
    expect(upstream.received.map(({ line }) => line)).toEqual(['GET /chain']);
  });
});

describe('what the client gets', () => {
  test('no hop-by-hop headers of the upstream, nor those its Connection lists', async () => {
    upstream.answer = (_request, response) => {
      response.writeHead(200, [
        'Connection',
        'keep-alive, X-Secret',
        'Keep-Alive',
        'timeout=5',
        'X-Secret',
        'hidden',
        'X-Kept',
        'kept',
        'Server',
        'upstream/1',
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'Content-Length',
        '2',
      ]);
      response.end('ok');
    };
    const { text } = await sendRaw(gateway.url, get(`${base}/chain`));
    upstream.answer = undefined;
    expect(text).not.toMatch(/x-secret/i);
    expect(text).not.toContain('timeout=5\r');
    expect(text).not.toContain('upstream/1');
    expect(text).toContain('X-Kept: kept');
    expect(text.match(/set-cookie/gi)).toHaveLength(2);
    expect(text).toMatch(/\r\n\r\nok$/);
  });
});
