import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleImage, root } from '../bundle/bundle.ts';
import { images } from '../bundle/images.ts';

// Threads, WebAssembly and an addon; assets; a command.
const tags = ['blockchain-vm', 'openapi-gateway', 'server-tools'];

const folder = mkdtempSync(join(tmpdir(), 'lucid-bundle-'));

/** The files of one bundle that go into the image, and what each holds. */
function contentsOf(of: string, tag: string): Map<string, Buffer> {
  const cwd = join(of, tag);
  const paths = globSync('{app,native,state,meta.json}{,/**}', { cwd }).filter((path) =>
    statSync(join(cwd, path)).isFile(),
  );
  return new Map(paths.toSorted().map((path) => [path, readFileSync(join(cwd, path))]));
}

async function bundleAll(into: string): Promise<void> {
  await Promise.all(images.filter(({ tag }) => tags.includes(tag)).map((image) => bundleImage(image, into)));
}

beforeAll(() => bundleAll(folder), 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(tags)('the bundle of %s', (tag) => {
  test('knows nothing of the machine that made it', () => {
    for (const [path, bytes] of contentsOf(folder, tag)) {
      const text = bytes.toString('latin1');
      for (const place of [root, homedir(), folder]) expect([path, text.includes(`${place}/`)]).toEqual([path, false]);
    }
  });

  test('holds programs and what they read, nothing else', () => {
    const paths = [...contentsOf(folder, tag).keys()];
    expect(paths).toEqual(expect.arrayContaining(['app/main.js', 'app/package.json']));
    const allowed =
      /^(meta\.json|app\/([\w-]+\.js|package\.json|secp256k1\.wasm|assets\/.*|node_modules\/swagger-ui-dist\/.*)|native\/.*)$/;
    expect(paths.filter((path) => !allowed.test(path))).toEqual([]);
    expect(paths.filter((path) => path.endsWith('.map') || path.includes('.env'))).toEqual([]);
  });
});

test('a service has a health check, a command has none', () => {
  expect([...contentsOf(folder, 'openapi-gateway').keys()]).toContain('app/healthcheck.js');
  expect([...contentsOf(folder, 'server-tools').keys()]).not.toContain('app/healthcheck.js');
});

test('each architecture gets its own addon, and no other', () => {
  const addons = [...contentsOf(folder, 'blockchain-vm').keys()].filter((path) => path.startsWith('native/'));
  expect(addons).toEqual([
    'native/amd64/prebuilds/linux-x64/classic-level.node',
    'native/arm64/prebuilds/linux-arm64/classic-level.armv8.node',
  ]);
});

test('the same sources give the same bytes', async () => {
  const again = join(folder, 'again');
  await bundleAll(again);
  for (const tag of tags) {
    const digests = [folder, again].map((of) =>
      [...contentsOf(of, tag)].map(([path, bytes]) => [path, createHash('sha256').update(bytes).digest('hex')]),
    );
    expect(digests[0]).toEqual(digests[1]);
  }
}, 120_000);

test('a bundle runs by itself, serves its files and ends at SIGTERM with 0', async () => {
  const child = spawn(process.execPath, [join(folder, 'openapi-gateway/app/main.js')], {
    env: { OPENAPI_GATEWAY_PORT: '0', NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const url = await readUrl(child);
    const home = await (await fetch(url)).text();
    const asset = /\/assets\/[\w.-]+\.css/.exec(home)?.[0];
    expect((await fetch(`${url}${asset}`)).status).toBe(200);
    expect((await fetch(`${url}/docs`)).status).toBe(200);
  } finally {
    child.kill('SIGTERM');
  }
  expect(await once(child, 'exit')).toEqual([0, null]);
});

/** The address a service says it listens on. */
async function readUrl(child: ChildProcess): Promise<string> {
  let output = '';
  for await (const chunk of child.stdout ?? []) {
    output += String(chunk);
    const url = /"url":"([^"]+)"/.exec(output)?.[1];
    if (url !== undefined) {
      child.stdout?.resume();
      return url;
    }
  }
  throw new Error(`it ended: ${output}`);
}
