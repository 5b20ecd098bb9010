import { createHash } from 'node:crypto';
import { isAppError } from '@lucid/common/errors';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBase32, toBase32 } from '../../src/domain/base32.ts';
import { createClientKey, formatAuthPrivate, isClientPublicKey } from '../../src/domain/client-key.ts';
import { onionAddressOf, parseOnionAddress } from '../../src/domain/onion-address.ts';
import {
  createOnionKey,
  encodeKeyFiles,
  expandSeed,
  onionKeyOf,
  parseSecretKeyFile,
} from '../../src/domain/onion-key.ts';

describe('base32', () => {
  test.each([
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ])('RFC 4648: %j', (plain, encoded) => {
    expect(toBase32(Buffer.from(plain))).toBe(encoded);
    expect(Buffer.from(parseBase32(encoded.toUpperCase()) ?? []).toString()).toBe(plain);
  });

  test('one text for some bytes, and one reading of a text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(parseBase32(toBase32(bytes))).toEqual(bytes);
      }),
    );
    for (const wrong of ['0', 'm1', 'mz', 'mzxr', 'm y', 'a', 'aaa']) expect(parseBase32(wrong)).toBeUndefined();
  });
});

describe('addresses', () => {
  test('of a key, as tor’s own test has it', () => {
    const publicKey = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
    const address = '25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion';
    expect(onionAddressOf(publicKey)).toBe(address);
    expect(Buffer.from(parseOnionAddress(address) ?? [])).toEqual(publicKey);
  });

  test.each([
    'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion',
    'sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sseqd.onion',
    'xa4r2iadxm55fbnqgwwi5mymqdcofiu3w6rpbtqn7b2dyn7mgwj64jyd.onion',
  ])('of rend-spec-v3: %s', (address) => {
    const publicKey = parseOnionAddress(address);
    expect(publicKey && onionAddressOf(publicKey)).toBe(address);
  });

  test('one letter changed is no address', () => {
    const address = createOnionKey().onionAddress;
    for (let at = 0; at < 56; at += 1) {
      const other = address[at] === 'a' ? 'b' : 'a';
      expect(parseOnionAddress(address.slice(0, at) + other + address.slice(at + 1))).toBeUndefined();
    }
    for (const wrong of ['', 'a.onion', address.slice(0, -6), address.toUpperCase(), `x.${address}`]) {
      expect(parseOnionAddress(wrong)).toBeUndefined();
    }
  });
});

describe('keys', () => {
  test('the public key of RFC 8032 §7.1 belongs to its seed', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const key = onionKeyOf(expandSeed(seed));
    expect(Buffer.from(key.publicKey).toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
  });

  test('a key goes through tor’s file format and back', () => {
    const key = createOnionKey();
    const { secretKey, publicKey } = encodeKeyFiles(key);
    expect(secretKey.subarray(0, 32).toString('latin1')).toBe('== ed25519v1-secret: type0 ==\0\0\0');
    expect(publicKey.subarray(0, 32).toString('latin1')).toBe('== ed25519v1-public: type0 ==\0\0\0');
    expect(publicKey.subarray(32)).toEqual(Buffer.from(key.publicKey));
    expect(parseSecretKeyFile(secretKey)).toMatchObject({ onionAddress: key.onionAddress });
  });

  test('what is no such file is refused with one code', () => {
    const { secretKey, publicKey } = encodeKeyFiles(createOnionKey());
    const unclamped = Buffer.from(secretKey);
    unclamped.writeUInt8(unclamped.readUInt8(32) | 1, 32);
    const v2 = createHash('sha256').update('v2').digest();
    for (const wrong of [
      publicKey,
      secretKey.subarray(1),
      Buffer.concat([secretKey, v2]),
      unclamped,
      Buffer.alloc(96),
    ]) {
      expect(() => parseSecretKeyFile(wrong)).toThrow(expect.objectContaining({ code: 'TUNNEL_KEY_INVALID' }));
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
        try {
          onionKeyOf(bytes);
        } catch (error) {
          expect(isAppError(error, 'TUNNEL_KEY_INVALID')).toBe(true);
        }
      }),
    );
  });
});

describe('clients’ keys', () => {
  test('a line of an .auth_private file', () => {
    const { onionAddress } = createOnionKey();
    const { privateKey, publicKey } = createClientKey();
    expect(formatAuthPrivate(onionAddress, privateKey)).toMatch(/^[a-z2-7]{56}:descriptor:x25519:[A-Z2-7]{52}$/);
    expect(isClientPublicKey(publicKey)).toBe(true);
  });

  test('a key everybody has, or that is none, opens nothing', () => {
    const one = Buffer.alloc(32);
    one.writeUInt8(1, 0);
    for (const point of [Buffer.alloc(32), one]) expect(isClientPublicKey(toBase32(point))).toBe(false);
    for (const wrong of ['', 'A', 'A'.repeat(51), 'A'.repeat(53)]) expect(isClientPublicKey(wrong)).toBe(false);
  });
});
