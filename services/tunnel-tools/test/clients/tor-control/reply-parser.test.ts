import { isAppError } from '@lucid/common/errors';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Reply, ReplyParser } from '../../../src/clients/tor-control/reply-parser.ts';
import { parseInfo, parsePairs } from '../../../src/clients/tor-control/values.ts';

/** As tor writes it (control-spec §2.3). */
function encode({ status, lines }: Reply): string {
  return lines
    .map(({ text, data }, index) => {
      if (data !== undefined) {
        const block = data.split('\n').map((line) => (line.startsWith('.') ? `.${line}` : line));
        return `${status}+${text}\r\n${block.join('\r\n')}\r\n.\r\n`;
      }
      return `${status}${index === lines.length - 1 ? ' ' : '-'}${text}\r\n`;
    })
    .join('');
}

const latin = fc.string({ unit: fc.constantFrom(...'abc =".\\-+250 \t\u00e9'.split('')), maxLength: 30 });
const reply: fc.Arbitrary<Reply> = fc.record({
  status: fc.constantFrom(250, 251, 515, 650),
  lines: fc
    .tuple(
      fc.array(
        fc.record({
          text: latin,
          data: fc.option(fc.array(latin, { minLength: 1, maxLength: 4 }), { nil: undefined }),
        }),
        { maxLength: 4 },
      ),
      latin,
    )
    .map(([middle, last]) => [
      ...middle.map(({ text, data }) => (data === undefined ? { text } : { text, data: data.join('\n') })),
      { text: last },
    ]),
});

/** The text in pieces of every size. */
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
function piecesOf(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, index = 0; at < text.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

test('whatever tor writes is read as it was meant, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 5 }), cuts, (replies, sizes) => {
      const parser = new ReplyParser();
      const found = piecesOf(replies.map(encode).join(''), sizes).flatMap((piece) => parser.push(piece));
      expect(found).toEqual(replies);
    }),
  );
});

test('anything else is refused with one code, or waits for more', () => {
  const hostile = fc.string({ unit: fc.constantFrom(...'2560 -+.\r\n"=a\0'.split('')), maxLength: 200 });
  fc.assert(
    fc.property(hostile, cuts, (text, sizes) => {
      const parser = new ReplyParser({ lineMax: 64, replyMax: 256 });
      try {
        for (const piece of piecesOf(text, sizes)) parser.push(piece);
      } catch (error) {
        expect(isAppError(error, 'TOR_REPLY_MALFORMED')).toBe(true);
      }
    }),
  );
});

describe('limits', () => {
  const small = { lineMax: 20, replyMax: 100 };
  const malformed = expect.objectContaining({ code: 'TOR_REPLY_MALFORMED' });

  test.each([
    ['a line without end', ['x'.repeat(22)]],
    ['a long line', [`250 ${'x'.repeat(20)}\r\n`]],
    ['a reply without end', Array.from({ length: 30 }, () => '250-abc\r\n')],
    ['a data block without end', ['250+a=\r\n', ...Array.from({ length: 30 }, () => 'abcdef\r\n')]],
    ['no status', ['hello\r\n']],
    ['a status that is none', ['999 OK\r\n']],
    ['a status that changes', ['250-a\r\n', '550 b\r\n']],
    ['a bare line feed', ['250 a\nb\r\n']],
  ])('%s', (_name, pieces) => {
    const parser = new ReplyParser(small);
    expect(() => pieces.forEach((piece) => parser.push(piece))).toThrow(malformed);
  });

  test('a reply of the longest size is none too long, again and again', () => {
    const parser = new ReplyParser(small);
    const text = `${'250-aaaaaaaaaaaaaaa\r\n'.repeat(4)}250 OK\r\n`;
    for (let round = 0; round < 10; round += 1) expect(parser.push(text)).toHaveLength(1);
  });
});

describe('values', () => {
  test('pairs, quoted or not', () => {
    const text = String.raw`NOTICE BOOTSTRAP PROGRESS=50 TAG=a_b SUMMARY="Asking \"for\" a \\ b" WARNING=""`;
    expect(Object.fromEntries(parsePairs(text))).toEqual({
      PROGRESS: '50',
      TAG: 'a_b',
      SUMMARY: String.raw`Asking "for" a \ b`,
      WARNING: '',
    });
  });

  test('GETINFO over several lines', () => {
    const info = parseInfo({
      status: 250,
      lines: [{ text: 'version=0.4.9.11' }, { text: 'circuit-status=', data: '1 BUILT\n2 BUILT' }, { text: 'OK' }],
    });
    expect(Object.fromEntries(info)).toEqual({ version: '0.4.9.11', 'circuit-status': '1 BUILT\n2 BUILT' });
  });
});
