import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { KeyVault } from '../../src/domain/key-vault.ts';

const secret = 'a secret of a test, long enough to be one';
const wrong = expect.objectContaining({ code: 'TUNNELS_KEY_WRONG' });

test('opens what it sealed, for whom it was sealed, and nothing else', () => {
  const vault = new KeyVault(secret);
  const key = randomBytes(64);
  const sealed = vault.seal(['onion', 'docs', 'a.onion'], key);
  expect(Buffer.from(new KeyVault(secret).open(['onion', 'docs', 'a.onion'], sealed))).toEqual(key);
  expect(() => vault.open(['onion', 'docs', 'b.onion'], sealed)).toThrow(wrong);
  expect(() => vault.open(['onion', 'docsa', '.onion'], sealed)).toThrow(wrong);
  expect(() => vault.open(['probe', 'docs', 'a.onion'], sealed)).toThrow(wrong);
  expect(() => new KeyVault(`${secret}.`).open(['onion', 'docs', 'a.onion'], sealed)).toThrow(wrong);
});

test('one changed bit anywhere, and it does not open', () => {
  const vault = new KeyVault(secret);
  const sealed = Buffer.from(vault.seal(['check'], Buffer.from('word')), 'base64');
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    expect(() => vault.open(['check'], changed.toString('base64'))).toThrow(wrong);
    expect(() => vault.open(['check'], sealed.subarray(0, at).toString('base64'))).toThrow(wrong);
  }
});

test('the same key is never sealed alike twice', () => {
  const vault = new KeyVault(secret);
  const sealed = Array.from({ length: 100 }, () => vault.seal(['check'], Buffer.from('word')));
  expect(new Set(sealed).size).toBe(100);
});

test('a secret that can be guessed is refused', () => {
  expect(() => new KeyVault('x'.repeat(31))).toThrow(expect.objectContaining({ code: 'TUNNELS_KEY_UNFIT' }));
});
