import { openEd25519Signer } from '@lucid/common/formats/ed25519';
import { encodeVerifierKey, parseSignerKey } from '@lucid/common/formats/note';
import { parseEntryBundle } from '@lucid/common/formats/tiles';
import type { LogKey } from '@lucid/ledger/domain/log-key';
import { expect, test } from 'vitest';
import { openTestLedger } from '../support/ledger.ts';
import { type ExternalData, missingNote, openExternalData } from './external-data.ts';
import { readVectors } from './vectors.ts';

const TESSERA = 'ledger/tessera-golden-log.tar.xz';
const folder = 'testdata/log/';

/** The log's key pair, published with the log it signs. */
async function goldenKey(): Promise<LogKey> {
  const { signerKey } = readVectors('valid', 'checkpoints') as { signerKey: string };
  const [, , origin = '', keyId = ''] = signerKey.split('+');
  const seed = Buffer.from(signerKey.slice(`PRIVATE+KEY+${origin}+${keyId}+`.length), 'base64').subarray(1);
  const { publicKey } = await openEd25519Signer(seed);
  return { origin, verifierKey: encodeVerifierKey(origin, publicKey), signer: await parseSignerKey(signerKey) };
}

/** The paths of its files as they are served: a checkpoint of every size, every tile and entry bundle. */
function goldenPaths(data: ExternalData): string[] {
  const paths = [...data.list(`${folder}checkpoint.*`), ...data.list(`${folder}tile/*/*.p/*`)];
  return paths.map((path) => path.slice(folder.length));
}

/** What our ledger serves at each path when it is given the same entries under the same key. */
async function serveAgain(paths: readonly string[], entries: readonly Uint8Array[]): Promise<Map<string, Buffer>> {
  await using ledger = await openTestLedger({ key: await goldenKey() });
  const fetch = async (path: string): Promise<Buffer> => (await ledger.app.inject({ url: path })).rawPayload;
  const served = new Map([['checkpoint.0', await fetch('/checkpoint')]]);
  for (const [index, entry] of entries.entries()) {
    const { log } = ledger.host;
    await log.append({ entries: [entry] });
    await log.publishedFor(index + 1);
    served.set(`checkpoint.${index + 1}`, await fetch('/checkpoint'));
  }
  for (const path of paths) if (path.startsWith('tile/')) served.set(path, await fetch(`/${path}`));
  return served;
}

test('the ledger serves the 46 files of Tessera\u2019s golden log byte for byte', async (context) => {
  await using data = await openExternalData(TESSERA);
  if (data === undefined) return context.skip(missingNote(TESSERA));
  const paths = goldenPaths(data);
  expect(paths).toHaveLength(46);
  const entries = parseEntryBundle(await data.read(`${folder}tile/entries/000.p/15`));
  const served = await serveAgain(paths, entries);
  expect([...served.keys()].toSorted()).toEqual(paths.toSorted());
  for (const path of paths) expect(served.get(path)?.equals(await data.read(folder + path)), path).toBe(true);
});
