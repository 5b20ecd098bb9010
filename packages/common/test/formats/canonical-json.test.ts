import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseUtf8, utf8 } from '../../src/formats/bytes.ts';
import { canonicalJsonText, encodeCanonicalJson, parseJson } from '../../src/formats/canonical-json.ts';
import { codeOf } from './code-of.ts';

describe('canonical JSON', () => {
  test('the sorting example of RFC 8785 section 3.2.3', () => {
    const members = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew',
      '1': 'One',
      '\ud83d\ude00': 'Smile',
      '\u0080': 'Control',
      '\u00f6': 'Latin',
    };
    expect(Object.keys(parseJson(encodeCanonicalJson(members)) as object).filter((name) => name !== '1')).toEqual([
      '\r',
      '\u0080',
      '\u00f6',
      '\u20ac',
      '\ud83d\ude00',
      '\ufb33',
    ]);
  });

  test('the numbers of RFC 8785 appendix B', () => {
    const numbers = [
      0, -0, 5e-324, -5e-324, 1.7976931348623157e308, 9007199254740992, 295147905179352830000, 1e21, 1e-7, 0.000001,
      333333333.3333333,
    ];
    expect(canonicalJsonText(numbers)).toBe(
      '[0,0,5e-324,-5e-324,1.7976931348623157e+308,9007199254740992,295147905179352830000,1e+21,1e-7,0.000001,333333333.3333333]',
    );
  });

  test.each([
    [undefined],
    [Number.NaN],
    [Infinity],
    [1n],
    ['\ud800'],
    [{ a: undefined }],
    [new Date(0)],
    [() => 1],
    [Symbol('s')],
  ])('has no spelling for %s', (value) => expect(codeOf(() => canonicalJsonText(value))).toBe('CANONICAL_JSON_VALUE'));

  test('what it writes it reads, canonically, as the engine does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const bytes = encodeCanonicalJson(value);
        expect(parseJson(bytes, { canonical: true })).toEqual(JSON.parse(parseUtf8(bytes)));
        expect(encodeCanonicalJson(parseJson(utf8(JSON.stringify(value, null, 2))))).toEqual(bytes);
      }),
    );
  });

  test('agrees with the engine on which texts are JSON, but for what it refuses on purpose', () => {
    const fragment = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"\\u00e9"',
      '"\\x"',
      '"',
      '1',
      '-0',
      '01',
      '1.',
      '.5',
      '1e5',
      'true',
      'nul',
      ' ',
      '\n',
      '\t',
      '\u00a0',
    );
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 9 }), (fragments) => {
        const text = fragments.join('');
        const code = codeOf(() => parseJson(utf8(text)));
        let engine = true;
        try {
          JSON.parse(text);
        } catch {
          engine = false;
        }
        if (!engine) expect(code).toBe('JSON_MALFORMED');
        else if (code !== undefined) expect(text).toMatch(/"a".*"a"|"\\u00e9".*"\\u00e9"|e5/su);
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['a member twice', '{"a":1,"a":2}', 'JSON_MALFORMED'],
    ['a member twice by escape', '{"a":1,"\\u0061":2}', 'JSON_MALFORMED'],
    ['a lone surrogate', '"\\ud800"', 'JSON_MALFORMED'],
    ['an infinite number', '1e999', 'JSON_MALFORMED'],
    ['nothing', '', 'JSON_MALFORMED'],
    ['a second value', '1 2', 'JSON_MALFORMED'],
    ['a byte order mark', '\ufeff1', 'JSON_MALFORMED'],
    ['a control character', '"\u0001"', 'JSON_MALFORMED'],
    ['depth', '['.repeat(100_000), 'JSON_TOO_DEEP'],
    ['size', `"${'a'.repeat(1 << 20)}"`, 'JSON_TOO_LARGE'],
    ['white space', '{"a": 1}', 'JSON_NOT_CANONICAL'],
    ['disorder', '{"b":1,"a":2}', 'JSON_NOT_CANONICAL'],
    ['minus zero', '-0', 'JSON_NOT_CANONICAL'],
    ['a needless escape', '"\\u0061"', 'JSON_NOT_CANONICAL'],
    ['a number it would round', '9007199254740993', 'JSON_NOT_CANONICAL'],
    ['another exponent', '1E2', 'JSON_NOT_CANONICAL'],
  ])('refuses %s', (_, text, code) => {
    expect(codeOf(() => parseJson(utf8(text), { canonical: true }))).toBe(code);
  });

  test('a member named __proto__ is a member', () => {
    const value = parseJson(utf8('{"__proto__":{"polluted":true}}'));
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(canonicalJsonText(value)).toBe('{"__proto__":{"polluted":true}}');
  });

  test('bytes that are not UTF-8 are refused', () => {
    expect(codeOf(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22)))).toBe('BYTES_UTF8_INVALID');
  });
});
