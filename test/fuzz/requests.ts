import type { Random } from './random.ts';

/** Requests as clients write them, and as those write them who mean harm; CRLF is spelled out where it matters. */
const requestIds = ['6f1f54a6-0f0a-4c8e-9a3e-0d7d3cf2f0aa', 'not-a-uuid', 'e2c56db5-dffb-48d2-b060-d0f5a71096e0'];
const traceparents = ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '00-0-0-0'];

/** Lines that change how a request is framed or answered, or that no strict reader takes. */
const oddLines = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: xchunked',
  'Content-Length: 5',
  'Content-Length: 005',
  'Content-Length: +5',
  'Content-Length: -1',
  'Content-Length: 5, 5',
  'Content-Length: 5\r\nContent-Length: 5',
  'Content-Length: 99999999999999999999',
  'Content-Length:',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: Keep-Alive',
  'Connection: keep-alive, upgrade',
  'Connection: content-length',
  'Proxy-Connection: close',
  'Expect: 100-continue',
  'Expect: nothing',
  'Upgrade: h2c',
  'Upgrade: websocket\r\nConnection: upgrade',
  'Host: other',
  'Host:',
  'Content-Encoding: gzip',
  'Content-Encoding: identity',
  'Content-Type: text/plain',
  'Content-Type: application/octet-stream',
  'Content-Type: application/json; charset=utf-8',
  'Authorization: Bearer good',
  'Authorization: Basic good',
  'X-Request-Id: 6f1f54a6-0f0a-4c8e-9a3e-0d7d3cf2f0aa',
  'X: a\r\n folded',
  ' leading: space',
  'no colon',
  ': no name',
  'na me: space',
  'x\0y: nul',
  'x: nul\0',
  'x: \x7f',
  'x: caf\xe9',
  'x: bare\rcarriage',
  'x: bare\nfeed',
  `x: ${'y'.repeat(5000)}`,
  `x: ${'y'.repeat(20_000)}`,
  'Accept: text/html, */*;q=0.8',
  'ACCEPT-ENCODING: gzip, br',
  'User-Agent:   spaced   ',
  'Via: 1.1 a, 1.1 b',
  'Via:',
  'Trailer: x',
  'TE: trailers',
  'Keep-Alive: timeout=5',
  'Cookie: a=b',
  'Idempotency-Key: one',
  'Idempotency-Key: two',
];

const oddFirstLines = [
  'POST /entries HTTP/1.0',
  'POST /entries HTTP/1.2',
  'POST /entries HTTP/2.0',
  'POST /entries',
  'POST  /entries HTTP/1.1',
  'POST /entries  HTTP/1.1',
  'POST /entries HTTP/1.1 ',
  'post /entries HTTP/1.1',
  'POST /entries/ HTTP/1.1',
  'POST /entries? HTTP/1.1',
  'POST /entries?receipt=1&x=1 HTTP/1.1',
  'POST /entries#a HTTP/1.1',
  'POST //entries HTTP/1.1',
  'POST /%65ntries HTTP/1.1',
  'POST http://a/entries HTTP/1.1',
  'PUT /entries HTTP/1.1',
  'GET /entries HTTP/1.1',
  'HEAD /item HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'CONNECT a:1 HTTP/1.1',
  'PRI * HTTP/2.0',
  'POST /nowhere HTTP/1.1',
  '\r\nPOST /entries HTTP/1.1',
  'SOURCE /entries ICE/1.0',
];

const goodTokens = ['good', 'good', 'good', 'later'];
const tokens = ['user', 'expired', 'unknown', 'good=', 'goo d'];

function bodyOf(random: Random): { type: string; body: Buffer } {
  if (random.once(4)) return { type: 'application/json', body: Buffer.from(jsonOf(random)) };
  const size = random.once(12) ? 90 + random.integer(30) : random.integer(40);
  const text = random.once(10) ? random.pick(['fail busy', 'fail late', 'fail fault']) : undefined;
  return { type: 'application/octet-stream', body: text === undefined ? random.bytes(size) : Buffer.from(text) };
}

function jsonOf(random: Random): string {
  const entry = random.bytes(random.integer(30)).toString('base64');
  return random.pick([
    `{"entry":"${entry}"}`,
    `{"entry":"${entry}"}`,
    `{"entry":"${entry}"}`,
    `{ "entry": "${entry}" }`,
    `{"entry":"${entry}","x":1}`,
    `{"entry":"${entry}`,
    `{"entry":"A"}`,
    `{"entry":"\\u0041AAA"}`,
    `{"entry":"AAA\u00e9"}`,
    `{"entry":"AB=="}`,
    `{"entry":"AA=="}{"entry":"AA=="}`,
    `{"__proto__":{"entry":""}}`,
    '',
  ]);
}

const casings: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => name.toLowerCase(),
  (name) => name.toUpperCase(),
];

/** A request that the lane may serve; with `oddity` above 0 something in it is out of the ordinary. */
export function makeRequest(random: Random, oddity: number): Buffer {
  const isGet = random.once(5);
  const { type, body } = isGet ? { type: '', body: Buffer.alloc(0) } : bodyOf(random);
  let first = isGet ? 'GET /item HTTP/1.1' : `POST /entries${random.once(3) ? '?receipt=1' : ''} HTTP/1.1`;
  const spell = random.pick(casings);
  const lines = [`${spell('Host')}: a`];
  if (!random.once(isGet ? 2 : 20))
    lines.push(`${spell('Authorization')}: Bearer ${random.pick(random.once(12) ? tokens : goodTokens)}`);
  if (!isGet) lines.push(`${spell('Content-Type')}: ${type}`, `${spell('Content-Length')}: ${body.length}`);
  if (random.once(6)) lines.push(`${spell('X-Request-Id')}: ${random.pick(requestIds)}`);
  if (random.once(4)) lines.push(`${spell('Traceparent')}: ${random.pick(traceparents)}`);
  if (random.once(4)) lines.push(`${spell('Idempotency-Key')}: key-${random.integer(9)}`);
  if (random.once(2)) lines.push(`${spell('User-Agent')}: fuzz`, 'accept: */*', 'connection: keep-alive');
  for (let left = oddity; left > 0; left -= 1) {
    if (random.once(4)) first = random.pick(oddFirstLines);
    else if (random.once(6)) lines.splice(random.integer(lines.length), 1);
    else lines.splice(random.integer(lines.length + 1), 0, random.pick(oddLines));
  }
  const end = oddity > 0 && random.once(20) ? '\n' : '\r\n';
  return Buffer.concat([Buffer.from([first, ...lines, '', ''].join(end), 'latin1'), body]);
}

/** Bodies in chunks, good and bad, and what hides a second request behind the first. */
export const smuggled: readonly string[] = [
  'POST /entries HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG',
  'POST /entries HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG',
  'POST /entries HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  'POST /entries HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n',
  'POST /entries HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'POST /entries HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
  'POST /entries HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 40\r\n\r\nGET ',
  'POST /entries HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcdGET /item HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /item HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
  'GET /item HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\r\n\r\n',
  'GET /item HTTP/1.1\r\n\r\n',
  'GET /item HTTP/1.1\nHost: a\n\n',
  'GET /item HTTP/1.1\r\nHost: a\r\n\n',
  'GET /item HTTP/1.1\r\nHost: a\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  '\r\n\r\nGET /item HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /item HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n\r\n\r\nGET /item HTTP/1.1\r\nHost: a\r\n\r\n',
  'GARBAGE\r\n\r\n',
];
