import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createOutput, formatError } from '../src/output.ts';

const hostile = 'name\u001b[2J\u009b31m\u0007\rok\ttab';
const harmless = 'name�[2J�31m��ok\ttab';

function capture() {
  const written: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      written.push(text);
      done();
    },
  });
  return { stream, written };
}

test('what others chose moves no cursor and paints nothing on a person’s terminal', () => {
  const { stream, written } = capture();
  const output = createOutput({ stdout: stream, stderr: stream } as never, {});
  output.result({}, `${hostile}\n`);
  output.note(hostile);
  expect(written).toEqual([`${harmless}\n`, `${harmless}\n`]);
  expect(formatError(new Error(hostile), false)).toBe(`error: ${harmless} (INTERNAL)\n`);
});

test('what programs read is as it was said', () => {
  const { stream, written } = capture();
  createOutput({ stdout: stream, stderr: stream } as never, { json: true }).result({ name: hostile }, '');
  expect(JSON.parse(written.join(''))).toEqual({ name: hostile });
});
