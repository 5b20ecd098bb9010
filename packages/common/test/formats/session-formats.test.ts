import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHex, toHex, utf8 } from '../../src/formats/bytes.ts';
import {
  chunkHeaderHash,
  createChunkSalt,
  deriveChunkKey,
  encodeChunkHeader,
  openChunk,
  parseChunkHeader,
  sealChunk,
} from '../../src/formats/chunk.ts';
import { createEd25519Seed, isEd25519Signature, openEd25519Signer } from '../../src/formats/ed25519.ts';
import {
  createSessionId,
  encodeSessionId,
  ownerAddressOf,
  parseSessionId,
  sessionIdFromBytes32,
  sessionIdToBytes32,
} from '../../src/formats/ids.ts';
import {
  createSealEntry,
  encodeBlockEntry,
  encodeSealEntry,
  parseBlockEntry,
  parseSealEntry,
} from '../../src/formats/ledger-entries.ts';
import {
  encodeManifest,
  type Manifest,
  parseManifest,
  signManifest,
  verifyManifestSignature,
} from '../../src/formats/manifest.ts';
import { codeOf } from './code-of.ts';
import { nth } from './nth.ts';

const SESSION = '0c8b1f8e-4a52-4d6b-9f3e-2a1b3c4d5e6f';
const bytesOf = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const header = fc.record({
  sessionId: fc.uuid({ version: 4 }),
  chunkIndex: fc.integer({ min: 1, max: 2 ** 32 - 2 }),
  capturedAt: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  plainSize: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  cipherSize: fc.integer({ min: 17, max: Number.MAX_SAFE_INTEGER }),
  chunkSalt: bytesOf(16),
  cipherDigest: bytesOf(32),
  previousHash: bytesOf(32),
});

const manifest: Manifest = {
  type: 'lucid/manifest@1',
  sessionId: SESSION,
  labels: ['Prüfung №1'],
  owner: { subject: 'u-1', address: ownerAddressOf('u-1') },
  recorderKey: 'aa'.repeat(32),
  participants: [{ signingKey: 'bb'.repeat(32), encryptionKey: 'cc'.repeat(32) }],
  recipients: [{ key: 'cc'.repeat(32), enc: 'dd'.repeat(32), box: 'ee'.repeat(48) }],
  policyHash: '11'.repeat(32),
  startedAt: '2025-01-02T03:04:05.678Z',
  endedAt: '2025-01-02T03:05:05.678Z',
  chunkCount: 3,
  plainBytes: 1000,
  cipherBytes: 600,
  merkleRoot: 'ff'.repeat(32),
  codec: { content: 'application/x-tar', compression: 'zstd', encryption: 'aes-256-gcm' },
  recorderVersion: 'lucid/0.1.0',
  device: 'linux arm64',
  retention: { retainForSec: 3600 },
  previous: null,
  sealedBy: 'recorder',
};

describe('ids', () => {
  test('round trip to bytes and to a contract\u2019s bytes32', () => {
    fc.assert(
      fc.property(fc.uuid({ version: 4 }), (sessionId) => {
        expect(encodeSessionId(parseSessionId(sessionId))).toBe(sessionId);
        expect(sessionIdFromBytes32(sessionIdToBytes32(sessionId))).toBe(sessionId);
      }),
    );
    expect(parseSessionId(createSessionId())).toHaveLength(16);
  });

  test.each([SESSION.toUpperCase(), SESSION.replace('-4d', '-1d'), SESSION.replace('-9f', '-7f'), `${SESSION}0`, ''])(
    'refuses %s',
    (text) => expect(codeOf(() => parseSessionId(text))).toBe('SESSION_ID_MALFORMED'),
  );
});

describe('chunk header', () => {
  test('round trip, and one changed bit gives another header or none', () => {
    fc.assert(
      fc.property(header, fc.nat(), (fields, pick) => {
        const bytes = encodeChunkHeader(fields);
        expect(bytes).toHaveLength(129);
        expect(parseChunkHeader(bytes)).toEqual(fields);
        const at = pick % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        const code = codeOf(() => expect(parseChunkHeader(bytes)).not.toEqual(fields));
        expect([undefined, 'CHUNK_HEADER_INVALID', 'SESSION_ID_MALFORMED', 'BYTES_INTEGER_INVALID']).toContain(code);
      }),
    );
  });

  test('refuses other sizes, versions and a first header with a predecessor', () => {
    const fields = nth(fc.sample(header, { numRuns: 1, seed: 1 }), 0);
    const bytes = encodeChunkHeader(fields);
    for (const wrong of [
      bytes.slice(1),
      Uint8Array.from([...bytes, 0]),
      Uint8Array.from(bytes, (byte, at) => (at === 0 ? 2 : byte)),
    ]) {
      expect(codeOf(() => parseChunkHeader(wrong))).toBe('CHUNK_HEADER_INVALID');
    }
    const first = { ...fields, chunkIndex: 0 };
    expect(codeOf(() => encodeChunkHeader(first))).toBe('CHUNK_HEADER_INVALID');
    expect(chunkHeaderHash(encodeChunkHeader({ ...first, previousHash: new Uint8Array(32) }))).toHaveLength(32);
  });
});

describe('chunk sealing', () => {
  const secret = new Uint8Array(32).fill(7);

  test('opens at its own place and nowhere else', async () => {
    const place = { sessionId: SESSION, chunkIndex: 5, chunkSalt: createChunkSalt() };
    const stored = await sealChunk(secret, place, utf8('compressed'));
    expect(await openChunk(secret, place, stored)).toEqual(utf8('compressed'));
    const wrong = [
      () => openChunk(new Uint8Array(32), place, stored),
      () => openChunk(secret, { ...place, chunkIndex: 6 }, stored),
      () => openChunk(secret, { ...place, sessionId: createSessionId() }, stored),
      () => openChunk(secret, { ...place, chunkSalt: createChunkSalt() }, stored),
      () => openChunk(secret, place, stored.slice(1)),
    ];
    for (const attempt of wrong) await expect(attempt()).rejects.toMatchObject({ code: 'CHUNK_NOT_OPENED' });
  });

  test('an index cut anew never meets the same key', async () => {
    const keys = new Set<string>();
    for (let round = 0; round < 200; round++) {
      const place = { sessionId: SESSION, chunkIndex: 0, chunkSalt: createChunkSalt() };
      keys.add(toHex(await deriveChunkKey(secret, place)));
    }
    expect(keys.size).toBe(200);
  });
});

describe('ed25519', () => {
  test('a key of small order, which anybody can sign for, is refused in every spelling', async () => {
    const neutral = `01${'00'.repeat(31)}`;
    for (const key of [neutral, `01${'00'.repeat(30)}80`, `ee${'ff'.repeat(30)}7f`, `ee${'ff'.repeat(31)}`]) {
      expect(await isEd25519Signature(parseHex(key), parseHex(neutral + '00'.repeat(32)), utf8('anything'))).toBe(
        false,
      );
    }
  });

  test('RFC 8032 test 2, and false for what cannot be a signature', async () => {
    const seed = Uint8Array.from(
      Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex'),
    );
    const signer = await openEd25519Signer(seed);
    expect(toHex(signer.publicKey)).toBe('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
    const message = Uint8Array.of(0x72);
    const signature = await signer.sign(message);
    expect(toHex(signature).slice(0, 32)).toBe('92a009a9f0d4cab8720e820b5f642540');
    expect(await isEd25519Signature(signer.publicKey, signature, message)).toBe(true);
    expect(await isEd25519Signature(signer.publicKey, signature, Uint8Array.of(0x73))).toBe(false);
    expect(await isEd25519Signature(signer.publicKey, signature.slice(1), message)).toBe(false);
    expect(await isEd25519Signature(signer.publicKey.slice(1), signature, message)).toBe(false);
    await expect(openEd25519Signer(seed.slice(1))).rejects.toMatchObject({ code: 'ED25519_KEY_INVALID' });
  });
});

describe('manifest', () => {
  test('round trip, signed, and every change of one byte is refused by parser or signature', async () => {
    const bytes = encodeManifest(manifest);
    expect(parseManifest(bytes)).toEqual(manifest);
    const signer = await openEd25519Signer(createEd25519Seed());
    const signature = await signManifest(bytes, signer);
    await verifyManifestSignature(bytes, toHex(signer.publicKey), signature);
    let refused = 0;
    for (let index = 0; index < bytes.length; index++) {
      const changed = Uint8Array.from(bytes, (byte, at) => (at === index ? byte ^ 1 : byte));
      await verifyManifestSignature(changed, toHex(signer.publicKey), signature).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'MANIFEST_SIGNATURE_INVALID' });
        refused++;
      });
    }
    expect(refused).toBe(bytes.length);
  });

  test.each<[string, Record<string, unknown>]>([
    ['another type', { type: 'lucid/manifest@2' }],
    ['an unknown member', { extra: 1 }],
    ['upper-case hex', { merkleRoot: 'FF'.repeat(32) }],
    ['a local time', { startedAt: '2025-01-02T03:04:05.678+01:00' }],
    ['an impossible day', { startedAt: '2025-02-30T03:04:05.678Z' }],
    ['an end before the start', { endedAt: '2024-01-02T03:04:05.678Z' }],
    ['no chunks', { chunkCount: 0 }],
    ['a fraction', { plainBytes: 1.5 }],
    ['a key listed twice', { participants: [manifest.participants[0], manifest.participants[0]] }],
    ['an address without 0x', { owner: { subject: 'u', address: 'aa'.repeat(20) } }],
    ['retention that contradicts itself', { retention: { retainForSec: 9, deleteAfterSec: 3 } }],
    ['a session that resumes itself', { previous: { sessionId: SESSION, manifestHash: '11'.repeat(32) } }],
    ['a control character', { labels: ['a\u0000b'] }],
  ])('refuses %s', (_, change) => {
    expect(codeOf(() => encodeManifest({ ...manifest, ...change }))).toBe('MANIFEST_INVALID');
  });

  test('refuses a missing member and a spelling that is not canonical', () => {
    const { labels: _, ...rest } = manifest;
    expect(codeOf(() => encodeManifest(rest as Manifest))).toBe('MANIFEST_INVALID');
    expect(codeOf(() => parseManifest(utf8(JSON.stringify(manifest, null, 1))))).toBe('JSON_NOT_CANONICAL');
  });
});

describe('ledger entries', () => {
  test('seal and block round trip; each other\u2019s parser refuses them', () => {
    const seal = createSealEntry(manifest, encodeManifest(manifest));
    expect(parseSealEntry(encodeSealEntry(seal))).toEqual(seal);
    const hash = `0x${'ab'.repeat(32)}`;
    const block = {
      type: 'lucid/block@1',
      chainId: 1,
      number: 0,
      hash,
      parentHash: hash,
      stateRoot: hash,
      timestamp: 5,
    } as const;
    expect(parseBlockEntry(encodeBlockEntry(block))).toEqual(block);
    expect(codeOf(() => parseSealEntry(encodeBlockEntry(block)))).toBe('LEDGER_ENTRY_INVALID');
    expect(codeOf(() => parseBlockEntry(encodeSealEntry(seal)))).toBe('LEDGER_ENTRY_INVALID');
  });
});
