import { accessSync, constants } from 'node:fs';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Nothing but the page under test goes out: no updates, no field trials, no name but the loopback address resolves. */
export const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/**
 * Where Chromium is installed; undefined where it is not, with a note on the console. Under `CI=true` a missing
 * browser is a failure, so that no test passes there without having run.
 */
export function findChromium(): string | undefined {
  const found = paths.find(isExecutable);
  if (found !== undefined) return found;
  const note = `no Chromium in ${paths.join(', ')}: what needs a browser is not tested (apt-get install chromium)`;
  if (process.env['CI'] === 'true') throw new Error(note);
  console.warn(note);
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A page in a headless Chromium of its own, and what it has been up to. */
export interface TestPage extends AsyncDisposable {
  readonly page: Page;
  /** The addresses of all requests, in order. */
  readonly requests: readonly string[];
  /** What a person would see in red: errors and warnings of the console, uncaught errors, failed requests. */
  readonly complaints: readonly string[];
}

export async function openTestPage(executablePath: string): Promise<TestPage> {
  await using stack = new AsyncDisposableStack();
  const browser = await chromium.launch({ executablePath, args: chromiumFlags });
  stack.defer(() => browser.close());
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await context.newPage();
  const { requests, complaints } = watch(context);
  const resources = stack.move();
  return { page, requests, complaints, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

function watch(context: BrowserContext): { requests: string[]; complaints: string[] } {
  const requests: string[] = [];
  const complaints: string[] = [];
  context.on('request', (request) => requests.push(request.url()));
  context.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  context.on('weberror', (error) => complaints.push(`uncaught: ${error.error().message}`));
  return { requests, complaints };
}
