import { createServer, type RequestListener, type Server } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { GatewayStatus } from '@lucid/common/apis/gateway';
import type { ServiceDocuments } from '@lucid/common/apis/openapi';
import { etagOf, isNotModified } from '@lucid/common/http/conditional';
import { systemClock } from '@lucid/common/runtime/clock';
import { loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { configSchema } from '../src/config.ts';
import { openOpenapiGateway } from '../src/open.ts';

const document = JSON.stringify({
  openapi: '3.1.0',
  info: { title: 'Lucid', version: '1' },
  paths: {},
  x: 'y'.repeat(4000),
});
const evil = '<script>alert(1)</script>';
const services: ServiceDocuments = {
  isComplete: true,
  items: [
    { service: 'ledger', state: 'current', title: evil, version: '1.0.0', operationCount: 12 },
    { service: 'vm', state: 'stale', title: 'vm', version: '1.0.0', operationCount: 6 },
  ],
};
const status: GatewayStatus = {
  service: 'gateway',
  version: '1',
  status: 'degraded',
  requestsPerMinute: 3000,
  upstreams: [
    { family: 'ledger', service: 'ledger', status: 'not ready', circuit: 'closed', requestsInFlight: 0, failing: [] },
  ],
};

/** What the servers behind have been asked, as `path status`. */
const asked: string[] = [];
let isUp = true;
let server: Server;
let baseUrl: string;

const answer: RequestListener = (request, response) => {
  if (!isUp) {
    asked.push(`${request.url} cut`);
    request.socket.destroy();
    return;
  }
  const bodies: Record<string, string> = {
    '/document.json': document,
    '/document.yaml': 'openapi: 3.1.0',
    '/services': JSON.stringify(services),
    '/services/ledger/document.json': document,
    '/status': JSON.stringify(status),
  };
  const body = bodies[request.url ?? ''];
  const etag = etagOf(body ?? '');
  const code = body === undefined ? 404 : isNotModified(request.headers['if-none-match'], etag) ? 304 : 200;
  asked.push(`${request.url} ${code}`);
  const type = request.url?.endsWith('.yaml') ? 'application/yaml; charset=utf-8' : 'application/json; charset=utf-8';
  response.writeHead(code, { 'content-type': type, etag }).end(code === 200 ? body : undefined);
};

beforeAll(async () => {
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked.length = 0;
  isUp = true;
});

async function open(env: Record<string, string> = {}) {
  const config = loadConfig(configSchema, {
    OPENAPI_SERVER_URL: baseUrl,
    GATEWAY_URL: baseUrl,
    GATEWAY_PUBLIC_URL: 'https://gateway.test/api',
    OPENAPI_GATEWAY_DOCUMENT_LIFE_MS: '0',
    ...env,
  });
  const logger = createLogger({ name: 'openapi-gateway', level: 'silent' });
  return await openOpenapiGateway(config, { logger, clock: systemClock() });
}

describe('the first page', () => {
  test('shows services, versions and status without a script, and escapes what others say', async () => {
    await using opened = await open();
    const page = await opened.app.inject('/');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page.body).not.toContain('<script');
    expect(page.body).toContain('<code>https://gateway.test/api</code>');
    expect(page.body).toContain('<code>/api/v1/ledger</code>');
    expect(page.body).toContain('>not ready<');
    expect(page.body).toContain('>stale<');
    expect(page.body).not.toContain('class="notice"');
    expect(page.body).not.toMatch(/\{\{|\son\w+=|style=|https?:\/\/(?!gateway\.test)/);
  });

  test('says so when openapi-server or the gateway is down', async () => {
    await using opened = await open();
    isUp = false;
    const page = await opened.app.inject('/');
    expect(page.statusCode).toBe(200);
    expect(page.body).toContain('no document has been read yet');
    expect(page.body).toContain('the gateway does not answer');
  });
});

describe('every answer', () => {
  test.each(['/', '/docs', '/document.json', '/services', '/nowhere', '/livez', '/openapi.json'])(
    '%s has the policy',
    async (url) => {
      await using opened = await open();
      const { headers } = await opened.app.inject(url);
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
          "connect-src 'self' https://gateway.test; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('no-referrer');
    },
  );

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const)('%s is refused everywhere', async (method) => {
    await using opened = await open();
    const refused = await opened.app.inject({ method, url: '/document.json' });
    expect([refused.statusCode, refused.json().code]).toEqual([405, 'OPENAPI_METHOD_NOT_ALLOWED']);
    expect(refused.headers.allow).toBe('GET, HEAD');
  });

  test('HEAD has the headers and no body', async () => {
    await using opened = await open();
    const { statusCode, headers, body } = await opened.app.inject({ method: 'HEAD', url: '/docs' });
    expect([statusCode, body]).toEqual([200, '']);
    expect(headers.etag).toBeDefined();
  });
});

describe('assets', () => {
  test('the pages name them by their hash; they are immutable, compressed and tagged', async () => {
    await using opened = await open();
    const { body } = await opened.app.inject('/docs');
    const paths = [...body.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(paths).toHaveLength(5);
    for (const path of paths) {
      const plain = await opened.app.inject(path);
      expect(plain.statusCode).toBe(200);
      expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      const again = { url: path, headers: { 'if-none-match': String(plain.headers.etag) } };
      expect((await opened.app.inject(again)).statusCode).toBe(304);
    }
    const script = paths.find((path) => path.includes('swagger-ui') && path.endsWith('.js')) ?? '';
    const plain = await opened.app.inject(script);
    const brotli = await opened.app.inject({ url: script, headers: { 'accept-encoding': 'gzip, br' } });
    const gzip = await opened.app.inject({ url: script, headers: { 'accept-encoding': 'gzip, br;q=0' } });
    expect([brotli.headers['content-encoding'], gzip.headers['content-encoding']]).toEqual(['br', 'gzip']);
    expect(brotli.headers.vary).toBe('Accept-Encoding');
    expect(brotli.rawPayload.length).toBeLessThan(plain.rawPayload.length / 3);
    expect(brotliDecompressSync(brotli.rawPayload).equals(plain.rawPayload)).toBe(true);
    expect(gunzipSync(gzip.rawPayload).equals(plain.rawPayload)).toBe(true);
    expect(new Set([plain, brotli, gzip].map(({ headers }) => headers.etag)).size).toBe(3);
  });

  test.each([
    ['of another hash', '/assets/docs.0000000000000000.js', 404, 'OPENAPI_ASSET_UNKNOWN'],
    ['of no hash', '/assets/docs.js', 404, 'OPENAPI_ASSET_UNKNOWN'],
    ['the template', '/assets/home.html', 404, 'OPENAPI_ASSET_UNKNOWN'],
    ['a path out', '/assets/..%2fpackage.json', 400, 'REQUEST_INVALID'],
    ['a folder', '/assets/', 400, 'REQUEST_INVALID'],
    ['upper case', '/assets/DOCS.js', 400, 'REQUEST_INVALID'],
  ])('%s is not there', async (_name, url, status, code) => {
    await using opened = await open();
    const refused = await opened.app.inject(url);
    expect([refused.statusCode, refused.json().code]).toEqual([status, code]);
  });
});

describe('documents', () => {
  test('come from openapi-server, tagged and compressed', async () => {
    await using opened = await open();
    const plain = await opened.app.inject('/document.json');
    expect(plain.body).toBe(document);
    expect(plain.headers['lucid-document-state']).toBe('current');
    expect(plain.headers['cache-control']).toBe('no-cache');
    const same = { url: '/document.json', headers: { 'if-none-match': String(plain.headers.etag) } };
    expect((await opened.app.inject(same)).statusCode).toBe(304);
    const gzip = await opened.app.inject({ url: '/document.json', headers: { 'accept-encoding': 'gzip' } });
    expect(gunzipSync(gzip.rawPayload).toString()).toBe(document);
    const yaml = await opened.app.inject('/document.yaml');
    expect([yaml.headers['content-type'], yaml.body]).toEqual(['application/yaml; charset=utf-8', 'openapi: 3.1.0']);
    expect((await opened.app.inject('/services')).json()).toEqual(services);
    expect((await opened.app.inject('/services/ledger/document.json')).body).toBe(document);
    expect(asked.slice(0, 3)).toEqual(['/document.json 200', '/document.json 304', '/document.json 304']);
  });

  test('are asked for once by readers that come together, and not again within their life', async () => {
    await using opened = await open({ OPENAPI_GATEWAY_DOCUMENT_LIFE_MS: '60000' });
    await Promise.all(Array.from({ length: 20 }, () => opened.app.inject('/document.json')));
    await opened.app.inject('/document.json');
    expect(asked).toEqual(['/document.json 200']);
  });

  test('stay when openapi-server is down, and say so; after a few tries it is left alone', async () => {
    await using opened = await open();
    await opened.app.inject('/document.json');
    await opened.app.inject('/services');
    isUp = false;
    for (let i = 0; i < 10; i += 1) {
      const kept = await opened.app.inject('/document.json');
      expect([kept.statusCode, kept.body, kept.headers['lucid-document-state']]).toEqual([200, document, 'last-known']);
    }
    expect(asked.filter((entry) => entry === '/document.json cut')).toHaveLength(3);
    expect((await opened.app.inject('/')).body).toContain('this is the last it said');
    const missing = await opened.app.inject('/document.yaml');
    expect([missing.statusCode, missing.json().code]).toEqual([503, 'OPENAPI_DOCUMENT_MISSING']);
    const ready = await opened.app.inject('/readyz');
    expect(ready.json().checks['openapi-server'].ok).toBe(false);
  });

  test.each([
    ['an unknown service', '/services/nothing/document.json', 404, 'OPENAPI_SERVICE_UNKNOWN'],
    ['a strange name', '/services/LEDGER/document.json', 400, 'REQUEST_INVALID'],
    ['a path out', '/services/..%2fstatus/document.json', 400, 'REQUEST_INVALID'],
    ['a malformed escape', '/services/%zz/document.json', 400, 'REQUEST_INVALID'],
    ['an unknown path', '/documents', 404, 'ROUTE_NOT_FOUND'],
  ])('%s', async (_name, url, statusCode, code) => {
    await using opened = await open();
    const refused = await opened.app.inject(url);
    expect([refused.statusCode, refused.json().code]).toEqual([statusCode, code]);
  });
});

test("the gateway's status is passed on, or its absence is", async () => {
  await using opened = await open();
  expect((await opened.app.inject('/gateway/status')).json()).toEqual(status);
  await using other = await open({ GATEWAY_URL: 'http://127.0.0.1:1' });
  const refused = await other.app.inject('/gateway/status');
  expect([refused.statusCode, refused.json().code]).toEqual([503, 'DEPENDENCY_UNAVAILABLE']);
});

test('each address has its quota', async () => {
  await using opened = await open({ OPENAPI_GATEWAY_REQUESTS_PER_MINUTE: '2' });
  const statuses = [];
  for (let i = 0; i < 3; i += 1) statuses.push((await opened.app.inject('/docs')).statusCode);
  expect(statuses).toEqual([200, 200, 429]);
  const refused = await opened.app.inject('/docs');
  expect(refused.json().code).toBe('RATE_LIMITED');
  expect(refused.headers['ratelimit-policy']).toBe('"address";q=2;w=60');
  expect(refused.headers['retry-after']).toBe('30');
  expect((await opened.app.inject('/livez')).statusCode).toBe(200);
});

test('openapi.json is what the service serves', async () => {
  await using opened = await open();
  const own: unknown = (await opened.app.inject('/openapi.json')).json();
  await expect(`${JSON.stringify(own, null, 2)}\n`).toMatchFileSnapshot('../openapi.json');
});
