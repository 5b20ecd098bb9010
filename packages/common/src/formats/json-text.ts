import type { JsonValue } from './canonical-json.ts';
import { malformed } from './malformed.ts';

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/uy;
const SPACE = /[ \t\n\r]*/uy;
const LITERALS = new Map<string, JsonValue>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** Where the parser stands. */
interface Cursor {
  readonly text: string;
  readonly depthMax: number;
  offset: number;
}

function malformedAt(cursor: Cursor, detail: string): Error {
  return malformed('JSON_MALFORMED', `${detail} at character ${cursor.offset}`, { offset: cursor.offset });
}

/** One JSON value and nothing after it; duplicate members, lone surrogates and infinite numbers are refused. */
export function parseJsonText(text: string, depthMax: number): JsonValue {
  const cursor: Cursor = { text, depthMax, offset: 0 };
  const value = parseValue(cursor, 0);
  if (cursor.offset !== text.length) throw malformedAt(cursor, 'something follows the value');
  return value;
}

function match(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.offset;
  const found = pattern.exec(cursor.text)?.[0];
  if (found !== undefined) cursor.offset += found.length;
  return found;
}

function take(cursor: Cursor, token: string): boolean {
  match(cursor, SPACE);
  if (!cursor.text.startsWith(token, cursor.offset)) return false;
  cursor.offset += token.length;
  match(cursor, SPACE);
  return true;
}

function parseValue(cursor: Cursor, depth: number): JsonValue {
  if (depth > cursor.depthMax) throw malformed('JSON_TOO_DEEP', `more than ${cursor.depthMax} levels of JSON`);
  if (take(cursor, '{')) return parseObject(cursor, depth);
  if (take(cursor, '[')) return parseArray(cursor, depth);
  const value = parseScalar(cursor);
  match(cursor, SPACE);
  return value;
}

function parseScalar(cursor: Cursor): JsonValue {
  if (cursor.text[cursor.offset] === '"') return parseString(cursor);
  for (const [literal, value] of LITERALS) {
    if (cursor.text.startsWith(literal, cursor.offset)) {
      cursor.offset += literal.length;
      return value;
    }
  }
  const digits = match(cursor, NUMBER);
  if (digits === undefined) throw malformedAt(cursor, 'no value');
  const number = Number(digits);
  if (!Number.isFinite(number)) throw malformedAt(cursor, 'a number too large');
  return number;
}

function parseString(cursor: Cursor): string {
  const quoted = cursor.text.slice(cursor.offset, findStringEnd(cursor));
  const text = unquote(quoted);
  if (text === undefined) throw malformedAt(cursor, 'a malformed string');
  if (!text.isWellFormed()) throw malformedAt(cursor, 'a lone surrogate');
  cursor.offset += quoted.length;
  return text;
}

/** Just past the closing quote, or the end of the text when there is none. */
function findStringEnd({ text, offset }: Cursor): number {
  let end = offset + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end + 1;
}

function unquote(quoted: string): string | undefined {
  try {
    const text: unknown = JSON.parse(quoted);
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

function parseArray(cursor: Cursor, depth: number): JsonValue {
  const items: JsonValue[] = [];
  if (take(cursor, ']')) return items;
  do items.push(parseValue(cursor, depth + 1));
  while (take(cursor, ','));
  if (!take(cursor, ']')) throw malformedAt(cursor, 'an unfinished array');
  return items;
}

function parseObject(cursor: Cursor, depth: number): JsonValue {
  const members: Record<string, JsonValue> = {};
  if (take(cursor, '}')) return members;
  do {
    const member = parseString(cursor);
    if (Object.hasOwn(members, member)) throw malformedAt(cursor, 'a member named twice');
    if (!take(cursor, ':')) throw malformedAt(cursor, 'a member without a value');
    // Defined, not assigned: "__proto__" is a name like any other.
    const value = parseValue(cursor, depth + 1);
    Object.defineProperty(members, member, { value, enumerable: true, configurable: true, writable: true });
  } while (take(cursor, ','));
  if (!take(cursor, '}')) throw malformedAt(cursor, 'an unfinished object');
  return members;
}
