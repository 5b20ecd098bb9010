import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumFlags, findChromium } from '../support/browser.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const executablePath = findChromium();

/** What a page did that it must not, and every host it asked. */
interface Observed {
  readonly page: Page;
  readonly faults: string[];
  readonly origins: Set<string>;
}

describe.runIf(executablePath !== undefined)('in a real browser', () => {
  let platform: TestPlatform;
  let browser: Browser;

  beforeAll(async () => {
    platform = await startTestPlatform();
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: chromiumFlags });
    await untilDocumentsAreRead(platform);
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.[Symbol.asyncDispose]();
  });

  const docsUrl = () => platform.urls['openapi-gateway'];

  async function observe(): Promise<Observed> {
    const page = await browser.newPage();
    const faults: string[] = [];
    const origins = new Set<string>();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('requestfailed', (request) => faults.push(`failed: ${request.url()}`));
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol !== 'data:' && url.protocol !== 'blob:') origins.add(url.origin);
    });
    page.on('response', (response) => {
      if (response.status() >= 400) faults.push(`${response.status()}: ${response.url()}`);
    });
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
      });
    });
    return { page, faults, origins };
  }

  test('the first page shows the nine services', async () => {
    const { page, faults, origins } = await observe();
    await page.goto(docsUrl());
    expect(await page.locator('tbody tr').count()).toBe(9);
    expect(await page.locator('dl .badge').textContent()).toBe('all services ready');
    expect(faults).toEqual([]);
    expect([...origins]).toEqual([docsUrl()]);
    await page.close();
  });

  test('Swagger UI renders every operation and tries one out, with no fault and no request elsewhere', async () => {
    const { page, faults, origins } = await observe();
    await page.goto(`${docsUrl()}/docs`);
    await page.locator('.opblock').first().waitFor();
    const documented = await page.evaluate(async () => {
      const { paths } = (await (await fetch('/document.json')).json()) as { paths: Record<string, object> };
      const methods = new Set(['get', 'put', 'post', 'patch', 'delete']);
      return Object.values(paths).flatMap((item) => Object.keys(item).filter((key) => methods.has(key))).length;
    });
    expect(documented).toBeGreaterThan(60);
    expect(await page.locator('.opblock').count()).toBe(documented);
    expect(await page.locator('.opblock-tag').count()).toBe(7);
    await page.locator('.opblock-summary-operation-id', { hasText: /^getReceipt$/ }).click();
    await page.locator('.opblock-body .responses-inner tr.response').nth(2).waitFor();
    expect(faults).toEqual([]);
    expect([...origins]).toEqual([docsUrl()]);

    // An operation that is tried out goes to the gateway, and its answer is shown.
    const block = page.locator('#operations-blockchain-api-getChain');
    await block.locator('.opblock-summary-control').click();
    await block.locator('.try-out__btn').click();
    await block.locator('.execute').click();
    const live = block.locator('.live-responses-table');
    await live.waitFor();
    expect(await live.locator('.response-col_status').last().textContent()).toContain('200');
    expect(await block.locator('.request-url pre').textContent()).toBe(`${platform.urls.gateway}/api/v1/chain/chain`);
    expect(await live.textContent()).toContain('chainId');
    expect(faults).toEqual([]);
    expect([...origins].toSorted()).toEqual([platform.urls.gateway, docsUrl()].toSorted());
    await page.close();
  });

  test('the policy stops what does not belong: an injected script, a foreign image, a foreign call', async () => {
    const { page, faults } = await observe();
    await page.goto(docsUrl());
    const outcome = await page.evaluate(async () => {
      const script = document.createElement('script');
      script.textContent = 'window.injected = true';
      document.body.append(script);
      const call = await fetch('http://127.0.0.1:9/').then(
        () => 'answered',
        () => 'refused',
      );
      return { isInjected: 'injected' in window, call };
    });
    expect(outcome).toEqual({ isInjected: false, call: 'refused' });
    expect(faults.filter((fault) => fault.includes('script-src')).length).toBeGreaterThan(0);
    expect(faults.filter((fault) => fault.includes('connect-src')).length).toBeGreaterThan(0);
    await page.close();
  });
});

/** Asks until openapi-server has every service's document; the hook's time-out is the limit. */
async function untilDocumentsAreRead(platform: TestPlatform): Promise<void> {
  for (;;) {
    const response = await fetch(`${platform.urls['openapi-server']}/services`);
    const { items } = (await response.json()) as { items: readonly { readonly state: string }[] };
    if (items.every(({ state }) => state === 'current')) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
