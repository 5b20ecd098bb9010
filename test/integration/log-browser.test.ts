import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createHttpSource } from '@lucid/client/log/http-source';
import { verifyLog } from '@lucid/client/log/verify-log';
import { utf8 } from '@lucid/common/formats/bytes';
import { parsePolicy } from '@lucid/common/formats/policy';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromium, openTestPage, type TestPage } from '../support/browser.ts';
import { type LedgerService, startLedgerService } from '../support/ledger-service.ts';
import type { LogAnswer, LogCall } from '../support/log-page.ts';

// A whole log verified by a page, from a real ledger: no more than a browser and the log's key.

const chromium = findChromium();
const stack = new AsyncDisposableStack();
let ledger: LedgerService;
let tested: TestPage;
let pageUrl: string;
/** Changes what the page is given of a file. */
let change: (path: string, bytes: Uint8Array) => Uint8Array | undefined;

beforeAll(async () => {
  if (chromium === undefined) return;
  ledger = stack.use(await startLedgerService());
  await ledger.append(Array.from({ length: 66_000 }, (_, index) => utf8(`entry ${index}`)));
  const server = stack.use(await servePage(await buildPage()));
  pageUrl = server.url;
  tested = stack.use(await openTestPage(chromium));
  await tested.page.goto(pageUrl);
});
afterAll(() => stack.disposeAsync());

async function buildPage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../support/log-page.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'reader',
    platform: 'browser',
    conditions: ['source'],
  });
  return outputFiles[0]?.text ?? '';
}

/** The page, its script, and the log's files beside them. */
async function servePage(script: string): Promise<AsyncDisposable & { readonly url: string }> {
  const page = '<!doctype html><title>Reader</title><link rel="icon" href="data:,"><script src="/page.js"></script>';
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    response.setHeader(
      'content-security-policy',
      "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:",
    );
    if (path.startsWith('/log/'))
      return void serveLog(path.slice('/log/'.length)).then((body) => {
        response.writeHead(body ? 200 : 404).end(body);
      });
    response.setHeader('content-type', path === '/page.js' ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(path === '/page.js' ? script : page);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serveLog(path: string): Promise<Uint8Array | undefined> {
  const answer = await fetch(`${ledger.url}/${path}`);
  return answer.ok ? change(path, new Uint8Array(await answer.arrayBuffer())) : undefined;
}

async function verifyInPage(call: Partial<LogCall> = {}): Promise<LogAnswer> {
  const whole = { url: `${pageUrl}log`, policy: ledger.policy, ...call };
  return await tested.page.evaluate(`reader.verifyWholeLog(${JSON.stringify(whole)})`);
}

/** A test that ends at once where there is no browser; `findChromium` has said so. */
function browserTest(name: string, run: () => Promise<void> | void): void {
  test(name, async () => {
    change = (_path, bytes) => bytes;
    if (chromium !== undefined) await run();
  });
}

describe('in a browser', () => {
  browserTest('a real log verifies, with the very report Node gives', async () => {
    const { state, ...report } = await verifyInPage();
    expect(report).toMatchObject({ ok: true, treeSize: 66_000, entryCount: 66_000, problems: [] });
    const source = createHttpSource({ url: ledger.url });
    const { progress: _progress, ...inNode } = await verifyLog({ source, policy: parsePolicy(ledger.policy) });
    expect(report).toEqual(inNode);
    expect(state).toContain('lucid/log-progress@1');
  });

  browserTest('a page that comes back reads only what is new, and finds the tree it knew in the new one', async () => {
    const { state } = await verifyInPage();
    await ledger.append([utf8('one more')]);
    const again = await verifyInPage(state === undefined ? {} : { state });
    expect(again).toMatchObject({ ok: true, resumedAt: 65_792, entryCount: 209, containedSizes: [66_000] });
  });

  browserTest('damage of each kind of file is named', async () => {
    const flip = (bytes: Uint8Array): Uint8Array => bytes.with(20, (bytes[20] as number) ^ 1);
    const cases: [RegExp, string][] = [
      [/^tile\/entries\/007$/, 'LOG_ENTRY_MISMATCH'],
      [/^tile\/0\/007$/, 'LOG_TILE_MISMATCH'],
      [/^tile\/1\/000$/, 'LOG_TILE_MISMATCH'],
      [/^tile\/2\/000\.p\/1$/, 'LOG_TILE_MISMATCH'],
      [/^checkpoint$/, 'NOTE_SIGNATURE_INVALID'],
    ];
    for (const [file, code] of cases) {
      change = (path, bytes) => (file.test(path) ? flip(bytes) : bytes);
      const { ok, problems } = await verifyInPage();
      expect([ok, problems.map((problem) => problem.code)]).toEqual([false, [code]]);
      change = (path, bytes) => (file.test(path) ? undefined : bytes);
      expect((await verifyInPage()).problems[0]).toMatchObject({ code: 'LOG_FILE_MISSING' });
    }
  });
});
