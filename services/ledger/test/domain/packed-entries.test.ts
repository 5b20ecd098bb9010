import { encodeEntryBundle, parseEntryBundle } from '@lucid/common/formats/tiles';
import { array, assert, constantFrom, property, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEntry,
  type PackedEntries,
  packBase64,
  requirePacked,
  requireWriterOfAll,
} from '../../src/domain/packed-entries.ts';

const entry = uint8Array({ minLength: 1, maxLength: 300 });
const entries = array(entry, { minLength: 1, maxLength: 40 });
const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

describe('packed entries', () => {
  test('entries in base64 and entries that come packed are the same bytes', () => {
    assert(
      property(entries, (given) => {
        const packed = Buffer.from(encodeEntryBundle(given));
        expect(requirePacked(packed)).toEqual({ bytes: packed, count: given.length });
        expect(packBase64(given.map(toBase64))).toEqual({ bytes: packed, count: given.length });
        expect(given.map((one) => decodeEntry(toBase64(one)))).toEqual(given.map((one) => Buffer.from(one)));
      }),
    );
  });

  test('whatever bytes come, they are taken exactly if a bundle parser takes them', () => {
    const bytes = uint8Array({ maxLength: 64 }).map((given) => Buffer.from(given.map((byte) => byte % 9)));
    assert(
      property(bytes, (given) => {
        let parsed: readonly Uint8Array[] | undefined;
        try {
          parsed = parseEntryBundle(given, 1000);
        } catch {
          parsed = undefined;
        }
        const isSound =
          parsed !== undefined && parsed.length > 0 && parsed.every(({ length }) => length > 0 && length <= 4096);
        let count: number | undefined;
        try {
          ({ count } = requirePacked(given));
        } catch {
          count = undefined;
        }
        expect(count).toBe(isSound ? parsed?.length : undefined);
      }),
      { numRuns: 1000 },
    );
  });

  test('one spelling of base64 alone is taken', () => {
    const letters = [...'AQgw+/-_=Bz09 \n'.split(''), '\u0141', '\u00e9', '\ud800'];
    assert(
      property(array(constantFrom(...letters), { minLength: 1, maxLength: 12 }), (given) => {
        const text = given.join('');
        const bytes = Buffer.from(text, 'base64');
        const isCanonical = bytes.length > 0 && bytes.toString('base64') === text;
        const decode = () => decodeEntry(text);
        if (isCanonical) expect(decode()).toEqual(bytes);
        else expect(decode).toThrow();
      }),
      { numRuns: 2000 },
    );
  });
});

const size = (bytes: number): Buffer => Buffer.from([bytes >>> 8, bytes & 255]);
const one = Buffer.concat([size(1), Buffer.from('x')]);

describe('what is no batch is refused with its code', () => {
  test.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), 'LEDGER_BATCH_MALFORMED'],
    ['half a size', Buffer.from([0]), 'LEDGER_BATCH_MALFORMED'],
    ['an entry and half a size', Buffer.concat([one, Buffer.from([0])]), 'LEDGER_BATCH_MALFORMED'],
    ['a size past the end', Buffer.concat([one, size(2), Buffer.from('x')]), 'LEDGER_BATCH_MALFORMED'],
    ['a size with nothing after it', size(1), 'LEDGER_BATCH_MALFORMED'],
    ['an entry of no bytes', Buffer.concat([one, size(0), one]), 'LEDGER_ENTRY_EMPTY'],
    ['an entry of no bytes at the end', Buffer.concat([one, size(0)]), 'LEDGER_ENTRY_EMPTY'],
    ['an entry of 4097 bytes', Buffer.concat([size(4097), Buffer.alloc(4097)]), 'LEDGER_ENTRY_TOO_LARGE'],
    ['the largest size, and no bytes', size(65_535), 'LEDGER_ENTRY_TOO_LARGE'],
    ['1001 entries', Buffer.concat(Array<Buffer>(1001).fill(one)), 'LEDGER_BATCH_TOO_LARGE'],
  ])('%s', (_name, bytes, code) => {
    expect(() => requirePacked(bytes)).toThrow(expect.objectContaining({ code }));
  });

  test('1000 of the largest entries are a batch', () => {
    const largest = Buffer.concat([size(4096), Buffer.alloc(4096)]);
    expect(requirePacked(Buffer.concat(Array<Buffer>(1000).fill(largest))).count).toBe(1000);
  });

  test.each([
    ['an empty text', ['AA==', ''], 'LEDGER_ENTRY_EMPTY'],
    ['a large one', ['AA==', Buffer.alloc(4097).toString('base64')], 'LEDGER_ENTRY_TOO_LARGE'],
    ['loose bits', ['AA==', 'AB=='], 'REQUEST_INVALID'],
  ])('%s among others', (_name, texts, code) => {
    expect(() => packBase64(texts)).toThrow(expect.objectContaining({ code }));
  });

  test('the place of what is no base64 is named', () => {
    expect(() => packBase64(['AA==', 'AA==', '*'])).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ pointer: '/entries/2' })] }),
    );
  });
});

describe('whose word an entry is', () => {
  const pack = (...texts: string[]): PackedEntries => {
    const bytes = Buffer.from(encodeEntryBundle(texts.map((text) => Buffer.from(text))));
    return { bytes, count: texts.length };
  };
  const operator = { subject: 'vm', roles: ['operator'] } as const;
  const vm = { subject: 'vm', roles: ['service'] } as const;
  const block = '{"type":"lucid/block@1"}';

  test('one of another among many is refused, wherever it stands', () => {
    for (const packed of [pack(block, 'x'), pack('x', block, 'y'), pack('x', block)]) {
      expect(() => requireWriterOfAll(packed, operator)).toThrow(
        expect.objectContaining({ code: 'LEDGER_ENTRY_RESERVED' }),
      );
      requireWriterOfAll(packed, vm);
    }
  });

  test('words that only two neighbours make together are nobody’s', () => {
    // The size between them, 0x0022, is a quotation mark.
    const rest = 'type":"lucid/block@1"}'.padEnd(0x22, ' ');
    const packed = pack('{', rest);
    expect(packed.bytes.includes('"type":"lucid/')).toBe(true);
    requireWriterOfAll(packed, operator);
  });
});
