import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ServiceDocuments } from '@lucid/common/apis/openapi';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const redocly = join(dirname(require.resolve('@redocly/cli/package.json')), 'bin/cli.js');
const config = new URL('redocly.yaml', import.meta.url).pathname;

let platform: TestPlatform;
let folder: string;
let services: ServiceDocuments;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-lint-'));
  platform = await startTestPlatform();
  services = await completeServices();
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Asks until every service's document has been read; the hook's time-out is the limit. */
async function completeServices(): Promise<ServiceDocuments> {
  for (;;) {
    const response = await fetch(`${platform.urls['openapi-server']}/services`);
    const answer = (await response.json()) as ServiceDocuments;
    if (answer.items.every(({ state }) => state === 'current')) return answer;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The problems redocly finds in openapi-server's documents, each as `file rule pointer: message`. */
async function lint(paths: readonly string[]): Promise<string[]> {
  const files = await Promise.all(
    paths.map(async (path) => {
      const text = await (await fetch(`${platform.urls['openapi-server']}${path}`)).text();
      const name = path.slice(1).replaceAll('/', '-');
      await writeFile(join(folder, name), text);
      return name;
    }),
  );
  return await lintFiles(files);
}

async function lintFiles(files: readonly string[]): Promise<string[]> {
  const { stdout } = await run(process.execPath, [redocly, 'lint', '--config', config, '--format=json', ...files], {
    cwd: folder,
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: { stdout: string }) => error);
  // One JSON object per file, one after the other.
  const reports = stdout.split(/(?<=^\})\s*(?=\{)/m).map((text) => JSON.parse(text) as LintReport);
  expect(reports).toHaveLength(files.length);
  const problems = reports.flatMap((report) => report.problems);
  return problems.map(({ ruleId, message, location }) => {
    return `${location[0]?.source?.ref} ${ruleId} ${location[0]?.pointer}: ${message}`;
  });
}

interface LintReport {
  readonly problems: readonly {
    readonly ruleId: string;
    readonly message: string;
    readonly location: readonly { readonly pointer?: string; readonly source?: { readonly ref: string } }[];
  }[];
}

test('all nine services are in it', () => {
  expect(services.items.map(({ service }) => service).toSorted()).toEqual([
    'api',
    'blockchain-api',
    'gateway',
    'governance',
    'ledger',
    'openapi-gateway',
    'openapi-server',
    'sessions',
    'vm',
  ]);
});

/** c2sp.org/tlog-witness says how a witness answers that another size is its latest: the size alone, in ASCII. */
const ofAnotherProtocol = /operation-4xx-problem-details-rfc7807 \S+~1witness~1add-checkpoint\/post\/responses\/409:/;

test('the merged document, as JSON and YAML, and each service’s own lint with no problem', async () => {
  const own = services.items.map(({ service }) => `/services/${service}/document.json`);
  const problems = await lint(['/document.json', '/document.yaml', ...own]);
  expect(problems.filter((problem) => !ofAnotherProtocol.test(problem))).toEqual([]);
});

test('the lint does find what is wrong', async () => {
  const bad = { openapi: '3.1.0', info: { title: 'Bad', version: '1' }, paths: { '/a/': { get: { responses: {} } } } };
  await writeFile(join(folder, 'bad.json'), JSON.stringify(bad));
  const rules = (await lintFiles(['bad.json'])).map((problem) => problem.split(' ')[1]);
  expect(rules).toEqual(
    expect.arrayContaining(['operation-operationId', 'no-path-trailing-slash', 'security-defined']),
  );
});

interface DocumentedOperation {
  readonly operationId: string;
  readonly 'x-internal'?: boolean;
}
interface Document {
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>> & { servers?: never }>>;
}

test('every documented operation answers something other than 404 of a route, and 501', async () => {
  const merged = (await (await fetch(`${platform.urls['openapi-server']}/document.json`)).json()) as Document;
  expect(merged.servers[0]?.url).toBe(platform.urls.gateway);
  const unserved: string[] = [];
  for (const [path, item] of Object.entries(merged.paths)) {
    const servers = (item as { servers?: readonly { readonly url: string }[] }).servers;
    const baseUrl = servers?.[0]?.url ?? platform.urls.gateway;
    for (const [method, operation] of Object.entries(item)) {
      if (method === 'servers') continue;
      const url = `${baseUrl}${path.replaceAll(/\{\w+\}/g, 'x')}`;
      const response = await fetch(url, { method: method.toUpperCase() });
      // A stream of events has no end to wait for.
      const isEndless = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
      if (isEndless) await response.body?.cancel();
      const text = isEndless ? '' : await response.text();
      const isUnserved = [404, 405].includes(response.status) && /ROUTE_NOT_FOUND|METHOD_NOT_ALLOWED/.test(text);
      if (isUnserved || response.status === 501) unserved.push(`${operation.operationId} ${response.status}`);
    }
  }
  expect(unserved).toEqual([]);
});
