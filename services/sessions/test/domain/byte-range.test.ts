import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRange } from '../../src/domain/byte-range.ts';

const etag = '"a"';
const size = 100;

test.each([
  ['bytes=0-9', { start: 0, end: 9 }],
  ['bytes=90-', { start: 90, end: 99 }],
  ['bytes=-10', { start: 90, end: 99 }],
  ['bytes=-1000', { start: 0, end: 99 }],
  ['bytes=50-1000', { start: 50, end: 99 }],
  ['bytes=99-99', { start: 99, end: 99 }],
  ['bytes=9-5', undefined],
  ['bytes=-', undefined],
  ['bytes=0-1,4-5', undefined],
  ['lines=0-1', undefined],
])('%s of 100 bytes', (range, expected) => {
  expect(readRange({ range }, etag, size)).toEqual(expected);
});

test('a range outside is refused, and one tied to another content is not a range', () => {
  expect(() => readRange({ range: 'bytes=100-' }, etag, size)).toThrow(/100 bytes/);
  expect(() => readRange({ range: 'bytes=-0' }, etag, size)).toThrow(/100 bytes/);
  expect(readRange({ range: 'bytes=100-', 'if-range': '"b"' }, etag, size)).toBeUndefined();
  expect(readRange({ range: 'bytes=1-2', 'if-range': etag }, etag, size)).toEqual({ start: 1, end: 2 });
});

test('whatever is asked, what is answered lies inside', () => {
  fc.assert(
    fc.property(fc.option(fc.nat()), fc.option(fc.nat()), fc.integer({ min: 1, max: 1000 }), (first, last, size) => {
      try {
        const range = readRange({ range: `bytes=${first ?? ''}-${last ?? ''}` }, etag, size);
        if (range) expect(0 <= range.start && range.start <= range.end && range.end < size).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: 'SESSION_RANGE_UNSATISFIABLE' });
      }
    }),
  );
});
