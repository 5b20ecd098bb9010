import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { utf8 } from '@lucid/common/formats/bytes';
import type { ProofReport } from '@lucid/common/formats/verify-proof';
import { contractAddresses } from '@lucid/contracts/addresses';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { lucidAnchorsAddress, type VerifyBundleOptions, verifyBundle } from '../src/verify.ts';

interface Vectors {
  policy: string;
  anchorContract: string;
  chainId: number;
  cases: { bundle: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/conformance/vectors/valid/proof-bundles.json', import.meta.url), 'utf8'),
) as Vectors;
const { policy, anchorContract, chainId } = vectors;
const [anchored, sealed] = vectors.cases.map(({ bundle }) => utf8(bundle));
if (anchored === undefined || sealed === undefined) throw new Error('the vectors hold no bundles');

/** Fails on any import of a Node module. */
function buildForBrowser(file: string) {
  return build({
    entryPoints: [fileURLToPath(new URL(`../src/${file}`, import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['source'],
    minify: true,
    metafile: true,
  });
}

describe('offline verifier', () => {
  test('knows where genesis puts the contract', () => {
    expect(lucidAnchorsAddress).toBe(contractAddresses.LucidAnchors.toLowerCase());
  });

  test('verifies a bundle under a policy, and refuses another contract, a missing anchor and a wrong chunk', async () => {
    expect(await verifyBundle(anchored, { policy, anchorContract, chainId })).toMatchObject({ ok: true });
    expect(await verifyBundle(sealed, { policy })).toMatchObject({ ok: true });
    const lastCode = (report: ProofReport) => report.steps.at(-1)?.code;
    expect(lastCode(await verifyBundle(anchored, { policy }))).toBe('PROOF_ANCHOR_UNTRUSTED');
    expect(lastCode(await verifyBundle(sealed, { policy, requireAnchor: true }))).toBe('PROOF_NOT_ANCHORED');
    const chunk = { chunkIndex: 0, bytes: utf8('another') };
    expect(lastCode(await verifyBundle(sealed, { policy, chunk }))).toBe('PROOF_CHUNK_FILE_MISMATCH');
    expect(lastCode(await verifyBundle(utf8('{}'), { policy }))).toBe('PROOF_MALFORMED');
    await expect(verifyBundle(sealed, { policy: 'nonsense' })).rejects.toMatchObject({ code: 'POLICY_MALFORMED' });
  });

  test('bundles for a browser, with nothing of Node in it, and gives the same answer', async () => {
    const { outputFiles, metafile } = await buildForBrowser('verify.ts');
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.some((path) => path.endsWith('sha256-browser.ts'))).toBe(true);
    expect(inputs.some((path) => path.endsWith('sha256-node.ts'))).toBe(false);
    const code = outputFiles[0]?.text ?? '';
    expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
    expect(code.length < 64 * 1024).toBe(true);
    const module = (await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`)) as {
      verifyBundle: (bundle: Uint8Array, options: VerifyBundleOptions) => Promise<ProofReport>;
    };
    const options = { policy, anchorContract, chainId };
    expect(await module.verifyBundle(anchored, options)).toEqual(await verifyBundle(anchored, options));
  });
});

test.each(['lucid-client.ts', 'token-source.ts', 'recipients.ts'])('%s runs in a browser too', async (file) => {
  const { errors, warnings } = await buildForBrowser(file);
  expect([...errors, ...warnings]).toEqual([]);
});
