import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileArtifacts } from '../src/compile.ts';

const directory = new URL('../artifacts/', import.meta.url);

test('the committed artifacts are what the committed sources compile to, byte for byte', { timeout: 120_000 }, () => {
  const compiled = compileArtifacts();
  expect(readdirSync(directory).toSorted()).toEqual([...compiled.keys()].toSorted());
  for (const [name, text] of compiled) expect(readFileSync(new URL(name, directory), 'utf8') === text, name).toBe(true);
});

test('every contract fits in the code size limit of EIP-170', () => {
  for (const name of readdirSync(directory).filter((file) => !file.endsWith('.abi.json'))) {
    const artifact: { deployedBytecode: string } = JSON.parse(readFileSync(new URL(name, directory), 'utf8'));
    expect((artifact.deployedBytecode.length - 2) / 2, name).toBeLessThanOrEqual(24_576);
  }
});
