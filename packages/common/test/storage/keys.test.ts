import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cursorCodec } from '../../src/storage/cursor.ts';
import { decodeJson, encodeJson } from '../../src/storage/json.ts';
import {
  concatKey,
  keySpace,
  pageRange,
  parseUint64be,
  prefixRange,
  startsWith,
  uint64be,
} from '../../src/storage/prefix.ts';

const compare = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);

describe('keys', () => {
  test('numbers keep their order and their value as keys', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
        expect(Math.sign(compare(uint64be(a), uint64be(b)))).toBe(Math.sign(a - b));
        expect(parseUint64be(uint64be(a))).toBe(a);
      }),
    );
  });

  test('a prefix range holds exactly the keys that begin with the prefix', () => {
    const prefix = fc.uint8Array({ minLength: 1, maxLength: 3 }).filter((bytes) => bytes.some((byte) => byte !== 0xff));
    fc.assert(
      fc.property(prefix, fc.uint8Array({ maxLength: 5 }), (start, key) => {
        const { gte, lt } = prefixRange(start);
        expect(compare(gte, key) <= 0 && compare(key, lt) < 0).toBe(startsWith(key, start));
      }),
    );
  });

  test('a key space builds, strips and bounds its keys', () => {
    const space = keySpace('chunk/');
    const key = space.key('s1', '/', 7);
    expect(key).toEqual(concatKey('chunk/s1/', uint64be(7)));
    expect(Buffer.from(space.strip(key)).subarray(0, 2).toString()).toBe('s1');
    expect(() => space.strip(Buffer.from('other/'))).toThrow('not of this space');
  });

  test('a page goes on behind its cursor in both directions', () => {
    const range = prefixRange(Buffer.from('a'));
    const after = Buffer.from('ab');
    expect(pageRange(range, { after, limit: 5 })).toMatchObject({ gt: after, lt: range.lt, limit: 5 });
    expect(pageRange(range, { after, limit: 5, reverse: true })).toMatchObject({ gte: range.gte, lt: after });
    expect(pageRange(range, { limit: 5 })).toMatchObject({ gte: range.gte, lt: range.lt });
  });
});

describe('JSON records', () => {
  test('come back as written, and damage is told', () => {
    expect(decodeJson(encodeJson({ a: 'é' }))).toEqual({ a: 'é' });
    expect(() => decodeJson(Buffer.from('{'))).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  });
});

describe('cursors', () => {
  const codec = cursorCodec('entries@1', ['integer', 'string']);

  test('come back as given out', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string({ maxLength: 40 }), (index, name) => {
        expect(codec.decode(codec.encode([index, name]))).toEqual([index, name]);
      }),
    );
  });

  const spell = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  test.each([
    ['empty', ''],
    ['not base64url', 'a+b='],
    ['not JSON', Buffer.from('{').toString('base64url')],
    ['not a list', spell({ a: 1 })],
    ['of another list', spell(['blocks@1', 1, 'a'])],
    ['of an older order', spell(['entries@0', 1, 'a'])],
    ['with a field too few', spell(['entries@1', 1])],
    ['with a wrong type', spell(['entries@1', '1', 'a'])],
    ['with a fraction', spell(['entries@1', 1.5, 'a'])],
    ['below zero', spell(['entries@1', -5, 'a'])],
    ['spelled otherwise', Buffer.from('["entries@1", 1, "a"]').toString('base64url')],
    ['too long', spell(['entries@1', 1, 'a'.repeat(600)])],
  ])('one that is %s is refused', (_name, cursor) => {
    expect(() => codec.decode(cursor)).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID', status: 400 }));
  });

  test('any text is either ours or refused with the code', () => {
    fc.assert(
      fc.property(fc.string(), (cursor) => {
        expect(() => codec.decode(cursor)).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }));
      }),
    );
  });
});
