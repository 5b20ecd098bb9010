import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { verifyBundle } from '@lucid/client/verify';
import { toBase64, utf8 } from '@lucid/common/formats/bytes';
import type { ProofReport } from '@lucid/common/formats/verify-proof';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readVectors } from '../conformance/vectors.ts';
import { findChromium, openTestPage, type TestPage } from '../support/browser.ts';
import { startTestPlatform } from '../support/platform.ts';
import { type RecordedSession, recordSession } from '../support/recorded-session.ts';
import { readTrustPolicy, registerFirstUser } from '../support/user.ts';
import type { VerifyCall } from '../support/verifier-page.ts';

// The verifier in a real browser, once the page is there and everything else is gone: platform, page server, names.

const chromium = findChromium();
const stack = new AsyncDisposableStack();
let recorded: RecordedSession;
let other: RecordedSession;
let policy: string;
let tested: TestPage;
let pageUrl: string;

beforeAll(async () => {
  if (chromium === undefined) return;
  await recordTwo();
  const server = await servePage(await buildPage());
  pageUrl = server.url;
  tested = stack.use(await openTestPage(chromium));
  await tested.page.goto(pageUrl);
  await server[Symbol.asyncDispose]();
});
afterAll(() => stack.disposeAsync());

async function recordTwo(): Promise<void> {
  await using platform = await startTestPlatform();
  const user = await registerFirstUser(platform.urls.gateway, await platform.setupCode());
  policy = await readTrustPolicy(user.client);
  recorded = await recordSession(user, [randomBytes(400_000)]);
  other = await recordSession(user, [randomBytes(1000)]);
}

async function buildPage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../support/verifier-page.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'verifier',
    platform: 'browser',
    conditions: ['source'],
  });
  return outputFiles[0]?.text ?? '';
}

/** The page and its script, under a policy that lets nothing else load. */
async function servePage(script: string): Promise<AsyncDisposable & { readonly url: string }> {
  const page = '<!doctype html><title>Verifier</title><link rel="icon" href="data:,"><script src="/page.js"></script>';
  const server = createServer(({ url }, response) => {
    const isScript = url === '/page.js';
    response.setHeader('content-security-policy', "default-src 'none'; script-src 'self'; img-src data:");
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(isScript ? script : page);
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

function verifyInPage(call: VerifyCall): Promise<ProofReport> {
  return tested.page.evaluate(`verifier.verify(${JSON.stringify(call)})`);
}

function isSignatureInPage(...hex: readonly [publicKey: string, signature: string, message: string]): Promise<boolean> {
  return tested.page.evaluate(`verifier.isSignature(${hex.map((part) => JSON.stringify(part)).join()})`);
}

function callOf({ bundle, chunk }: RecordedSession): VerifyCall & { readonly chunk: string } {
  return { bundle: toBase64(bundle), policy, requireAnchor: true, chunk: toBase64(chunk) };
}

/** A test that ends at once where there is no browser; `findChromium` has said so. */
function browserTest(name: string, run: () => Promise<void> | void): void {
  test(name, async () => {
    if (chromium !== undefined) await run();
  });
}

describe('in a browser, with the platform off', () => {
  browserTest('a bundle and a chunk of a real platform verify, with the very report Node gives', async () => {
    const report = await verifyInPage(callOf(recorded));
    expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
    expect(report).toMatchObject({ ok: true, manifest: { sessionId: recorded.sessionId } });
    expect(report.steps.map(({ step }) => step)).toEqual(expect.arrayContaining(['chunk-file', 'anchor-record']));
    const chunk = { chunkIndex: 0, bytes: recorded.chunk };
    expect(report).toEqual(await verifyBundle(recorded.bundle, { policy, requireAnchor: true, chunk }));
  });

  browserTest('the published bundles verify, with the very report Node gives', async () => {
    interface Vectors {
      readonly policy: string;
      readonly anchorContract: string;
      readonly chainId: number;
      readonly cases: readonly { readonly bundle: string; readonly requireAnchor: boolean }[];
    }
    const { cases, ...trust } = readVectors('valid', 'proof-bundles') as Vectors;
    expect(cases.some(({ requireAnchor }) => requireAnchor)).toBe(true);
    for (const { bundle, requireAnchor } of cases) {
      const { policy: vectorPolicy, anchorContract, chainId } = trust;
      const options = { policy: vectorPolicy, anchorContract, chainId, requireAnchor };
      const report = await verifyInPage({ bundle: toBase64(utf8(bundle)), ...options });
      expect(report).toMatchObject({ ok: true });
      expect(report).toEqual(await verifyBundle(utf8(bundle), options));
    }
  });

  browserTest('a flipped bit anywhere is refused, each with a code', async () => {
    const { bundle } = recorded;
    const offsets = Array.from({ length: 300 }, (_, index) => Math.floor((index * bundle.length) / 300));
    const args = [callOf(recorded), offsets].map((value) => JSON.stringify(value)).join();
    const codes: string[] = await tested.page.evaluate(`verifier.verifyFlipped(${args})`);
    expect(codes).toHaveLength(offsets.length);
    expect(codes.filter((code) => !/^PROOF_[A-Z_]+$/u.test(code))).toEqual([]);
    expect(new Set(codes).size).toBeGreaterThan(5);
  });

  browserTest('a chunk of another session, and another log, are refused', async () => {
    const wrongChunk = await verifyInPage({ ...callOf(recorded), chunk: toBase64(other.chunk) });
    expect(wrongChunk.steps.at(-1)).toMatchObject({ ok: false, code: 'PROOF_CHUNK_FILE_MISMATCH' });
    const { policy: wrongPolicy } = readVectors('valid', 'proof-bundles') as { policy: string };
    const wrongLog = await verifyInPage({ ...callOf(recorded), policy: wrongPolicy });
    expect(wrongLog.steps.at(-1)).toMatchObject({ ok: false, code: 'PROOF_SEAL_CHECKPOINT_UNTRUSTED' });
  });

  browserTest(
    'a signature that anybody could have made is refused, though the browser itself would take it',
    async () => {
      interface Signatures {
        readonly cases: readonly { name?: string; publicKey: string; message: string; signature: string }[];
      }
      for (const kind of ['valid', 'invalid'] as const) {
        const { cases } = readVectors(kind, 'ed25519') as Signatures;
        for (const { name, publicKey, signature, message } of cases) {
          expect([name, await isSignatureInPage(publicKey, signature, message)]).toEqual([name, kind === 'valid']);
        }
      }
    },
  );

  browserTest('the page complained of nothing and asked for nothing but itself', () => {
    expect(tested.complaints).toEqual([]);
    expect(tested.requests).toEqual([pageUrl, `${pageUrl}page.js`]);
  });
});
