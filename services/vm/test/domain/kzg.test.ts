import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { verifyKzgProof } from '../../src/domain/kzg.ts';

/** The input of go-ethereum's point evaluation test: versioned hash, z, y, commitment, proof. */
const input =
  '01e798154708fe7789429634053cbf9f99b619f9f084048927333fce637f549b564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11' +
  'a5d3630624d25032e67a7e6a4910df5834b8fe70e6bcfeeac0352434196bdf4b2485d5a18f59a8d2a1a625a17f3fea0fe5eb8c896db3764f3185481b' +
  'c22f91b4aaffcca25f26936857bc3a7c2539ea8ec3a952b7873033e038326e87ed3e1276fd140253fa08e9fc25fb2d9a98527fc22a2c9612fbeafdad' +
  '446cbc7bcdbdcd780af2c16a';
const part = (from: number, to: number): string => `0x${input.slice(from * 2, to * 2)}`;
const [versionedHash, z, y, commitment, proof] = [
  part(0, 32),
  part(32, 64),
  part(64, 96),
  part(96, 144),
  part(144, 192),
];
const infinity = `0xc0${'00'.repeat(47)}`;
const zero = `0x${'00'.repeat(32)}`;
const one = `0x${'00'.repeat(31)}01`;

test('the vector is whole: its versioned hash is that of its commitment', () => {
  const digest = createHash('sha256')
    .update(Buffer.from(commitment.slice(2), 'hex'))
    .digest('hex');
  expect(versionedHash).toBe(`0x01${digest.slice(2)}`);
});

test.each([
  ['the proof of go-ethereum', [commitment, z, y, proof], true],
  ['another value', [commitment, z, one, proof], false],
  ['another point', [commitment, one, y, proof], false],
  ['the zero polynomial', [infinity, z, zero, infinity], true],
  ['the zero polynomial with another value', [infinity, z, one, infinity], false],
] as const)('%s', (_name, [c, at, value, pi], expected) => {
  expect(verifyKzgProof(c, at, value, pi)).toBe(expected);
});

test.each([
  ['z beyond the field', [commitment, `0x${'ff'.repeat(32)}`, y, proof]],
  ['a commitment that is no point', [`0x${'11'.repeat(48)}`, z, y, proof]],
  ['a proof off the curve', [commitment, z, y, `0x8${'0'.repeat(94)}1`]],
] as const)('%s is refused', (_name, [c, at, value, pi]) => {
  expect(() => verifyKzgProof(c, at, value, pi)).toThrow('C_KZG_BADARGS');
});
