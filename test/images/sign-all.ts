import { deepStrictEqual } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Steps } from '../support/steps.ts';
import type { WrittenBom } from './boms.ts';
import type { Digests } from './build.ts';
import type { Engine } from './engine.ts';
import { SigningBench } from './signing.ts';

/** Signs every image and attests its bills of materials, then checks with the right key and with a wrong one. */
export async function signAll(
  steps: Steps,
  engine: Engine,
  digests: Digests,
  boms: readonly WrittenBom[],
): Promise<void> {
  await using bench = await steps.need('registry and keys', async () => [
    await SigningBench.open(engine),
    'on loopback',
  ]);
  const references = new Map<string, string>();
  await steps.need('push', async () => {
    for (const [tag, digest] of digests) references.set(tag, await bench.push(tag, digest));
    return [undefined, `${references.size} images of two architectures each`];
  });
  await steps.check('sign and verify, offline', async () => {
    for (const [tag, reference] of references) {
      if (await bench.verifies(reference, 'right')) throw new Error(`${tag} verifies before it is signed`);
      await bench.sign(reference);
      if (!(await bench.verifies(reference, 'right'))) throw new Error(`${tag} does not verify`);
      if (await bench.verifies(reference, 'wrong')) throw new Error(`${tag} verifies with another key`);
    }
    return `${references.size} signed; the key verifies them, another one does not`;
  });
  await steps.check('attest the bills of materials', async () => {
    for (const { tag, digest, path } of boms) {
      const reference = (references.get(tag) ?? '').replace(/@.*/, `@${digest}`);
      await bench.attest(reference, path);
      deepStrictEqual(await bench.attested(reference), JSON.parse(readFileSync(path, 'utf8')));
    }
    return `${boms.length} come back as they were given`;
  });
}
