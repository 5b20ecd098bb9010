import { parseBase64, parseHex } from './bytes.ts';
import type { JsonObject, JsonValue } from './canonical-json.ts';
import { isSessionId } from './ids.ts';
import { malformed } from './malformed.ts';

/** Reads one value of parsed JSON, or throws the code of the document it is part of, naming the place. */
export type Read<T> = (value: JsonValue | undefined, place: Place) => T;

/** Where a value stands: the document's error code, and its path as a JSON Pointer (RFC 6901). */
export interface Place {
  readonly code: string;
  readonly pointer: string;
}

export type Shape = Readonly<Record<string, Read<unknown>>>;
type OptionalNames<S extends Shape> = {
  [K in keyof S]: undefined extends ReturnType<S[K]> ? K : never;
}[keyof S];
/** The object a shape reads. */
export type Shaped<S extends Shape> = { readonly [K in Exclude<keyof S, OptionalNames<S>>]: ReturnType<S[K]> } & {
  readonly [K in OptionalNames<S>]?: Exclude<ReturnType<S[K]>, undefined>;
};

function misfit(place: Place, expected: string): Error {
  return malformed(place.code, `${place.pointer === '' ? 'the document' : place.pointer} is not ${expected}`, {
    pointer: place.pointer,
  });
}

/** Reads a whole document; every misfit carries `code`. */
export function readDocument<T>(read: Read<T>, value: JsonValue, code: string): T {
  return read(value, { code, pointer: '' });
}

/** An object with these members and no others. */
export function object<S extends Shape>(shape: S): Read<Shaped<S>> {
  const names = Object.keys(shape);
  return (value, place) => {
    if (!isObject(value)) throw misfit(place, 'an object');
    const stranger = Object.keys(value).find((name) => !Object.hasOwn(shape, name));
    if (stranger !== undefined) throw misfit({ ...place, pointer: `${place.pointer}/${stranger}` }, 'a known member');
    const entries = names.map((name) => {
      const item = Object.hasOwn(value, name) ? value[name] : undefined;
      return [name, shape[name]?.(item, { ...place, pointer: `${place.pointer}/${name}` })] as const;
    });
    return Object.fromEntries(entries.filter(([, item]) => item !== undefined)) as Shaped<S>;
  };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function list<T>(read: Read<T>, countMax: number): Read<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value) || value.length > countMax) throw misfit(place, `a list of at most ${countMax}`);
    return value.map((item: JsonValue, index) => read(item, { ...place, pointer: `${place.pointer}/${index}` }));
  };
}

export function nullable<T>(read: Read<T>): Read<T | null> {
  return (value, place) => (value === null ? null : read(value, place));
}

/** A member that may be left out. */
export function optional<T>(read: Read<T>): Read<T | undefined> {
  return (value, place) => (value === undefined ? undefined : read(value, place));
}

export function literal<const T extends string>(...allowed: readonly T[]): Read<T> {
  return (value, place) => {
    const found = allowed.find((word) => word === value);
    if (found === undefined) throw misfit(place, allowed.join(' or '));
    return found;
  };
}

export function integer(min: number, max: number): Read<number> {
  return (value, place) => {
    if (
      typeof value !== 'number' ||
      !Number.isSafeInteger(value) ||
      Object.is(value, -0) ||
      value < min ||
      value > max
    ) {
      throw misfit(place, `an integer from ${min} to ${max}`);
    }
    return value;
  };
}

/** Text of at most `sizeMax` UTF-16 units without control characters. */
export function text(sizeMax: number): Read<string> {
  return (value, place) => {
    if (typeof value !== 'string' || value.length > sizeMax || /\p{Cc}/u.test(value)) {
      throw misfit(place, `text of at most ${sizeMax} characters`);
    }
    return value;
  };
}

/** Any JSON value that is there, for a parser of its own. */
export const json: Read<JsonValue> = (value, place) => {
  if (value === undefined) throw misfit(place, 'present');
  return value;
};

/** Text of lines, such as a signed note, of at most `sizeMax` UTF-16 units. */
export function lines(sizeMax: number): Read<string> {
  return matching((value) => value.length <= sizeMax && value.endsWith('\n'), `lines of at most ${sizeMax} characters`);
}

function matching(isValid: (value: string) => boolean, expected: string): Read<string> {
  return (value, place) => {
    if (typeof value !== 'string' || !isValid(value)) throw misfit(place, expected);
    return value;
  };
}

function parses(parse: (value: string) => unknown): (value: string) => boolean {
  return (value) => {
    try {
      parse(value);
      return true;
    } catch {
      return false;
    }
  };
}

/** Lower-case hex of exactly `size` bytes. */
export const hex = (size: number): Read<string> =>
  matching(
    parses((value) => parseHex(value, size)),
    `lower-case hex of ${size} bytes`,
  );

/** 0x and lower-case hex of exactly `size` bytes. */
export const hex0x = (size: number): Read<string> =>
  matching(
    (value) => value.startsWith('0x') && parses((digits) => parseHex(digits, size))(value.slice(2)),
    `0x and lower-case hex of ${size} bytes`,
  );

/** 0x and lower-case hex of at most `sizeMax` bytes. */
export const hex0xUpTo = (sizeMax: number): Read<string> =>
  matching(
    (value) => value.length <= 2 + 2 * sizeMax && value.startsWith('0x') && parses(parseHex)(value.slice(2)),
    `0x and lower-case hex of at most ${sizeMax} bytes`,
  );

/** Canonical base 64 of at most `sizeMax` characters. */
export const base64 = (sizeMax: number): Read<string> =>
  matching((value) => value.length <= sizeMax && parses((encoded) => parseBase64(encoded))(value), 'canonical base 64');

export const sessionIdText: Read<string> = matching(isSessionId, 'a lower-case UUIDv4');

/** RFC 3339, UTC, exactly milliseconds: the spelling `Date.toISOString` gives, from 1970 to 9999. */
export const timestamp: Read<string> = matching(
  (value) =>
    /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/u.test(value) &&
    Date.parse(value) >= 0 &&
    new Date(value).toISOString() === value,
  'an RFC 3339 time in UTC with milliseconds',
);
