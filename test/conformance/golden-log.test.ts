import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEd25519Signer } from '@lucid/common/formats/ed25519';
import { encodeVerifierKey, parseSignerKey } from '@lucid/common/formats/note';
import { parseEntryBundle } from '@lucid/common/formats/tiles';
import type { LogKey } from '@lucid/ledger/domain/log-key';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestLedger, type TestLedger } from '../support/ledger.ts';

const folder = new URL('./vectors/tessera-golden-log/', import.meta.url).pathname;
/** Published with the log it signs. */
const secretKey = 'PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg';

async function goldenKey(): Promise<LogKey> {
  const [, , origin = ''] = secretKey.split('+');
  const seed = Buffer.from(secretKey.slice(secretKey.lastIndexOf('496+') + 4), 'base64').subarray(1);
  const { publicKey } = await openEd25519Signer(seed);
  return { origin, verifierKey: encodeVerifierKey(origin, publicKey), signer: await parseSignerKey(secretKey) };
}

/** The path of each file as it is served, with what it must hold. */
function goldenFiles(): [path: string, content: Buffer][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && file.name !== 'README.md')
    .map((file) => {
      const path = join(file.parentPath, file.name);
      return [path.slice(folder.length), readFileSync(path)];
    });
}

describe("Tessera's golden log", () => {
  const files = goldenFiles();
  const served = new Map<string, Buffer>();
  let ledger: TestLedger;
  beforeAll(async () => {
    ledger = await openTestLedger({ key: await goldenKey() });
    const entries = parseEntryBundle(readFileSync(join(folder, 'tile/entries/000.p/15')));
    const fetch = async (path: string): Promise<Buffer> => (await ledger.app.inject({ url: path })).rawPayload;
    served.set('checkpoint.0', await fetch('/checkpoint'));
    for (const [index, entry] of entries.entries()) {
      const { log } = ledger.host;
      await log.append({ entries: [entry] });
      await log.publishedFor(index + 1);
      served.set(`checkpoint.${index + 1}`, await fetch('/checkpoint'));
    }
    for (const [path] of files) if (path.startsWith('tile/')) served.set(path, await fetch(`/${path}`));
  });
  afterAll(() => ledger[Symbol.asyncDispose]());

  test('has its 46 files', () => {
    expect(files).toHaveLength(46);
  });

  test.each(files)('%s is served byte for byte', (path, content) => {
    expect(served.get(path)).toEqual(content);
  });
});
