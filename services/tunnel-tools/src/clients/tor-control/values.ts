import type { Reply } from './reply-parser.ts';

/** `key=value` pairs of a line; quoted values are unquoted (control-spec §2.1.1: backslash escapes). */
export function parsePairs(text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const match of text.matchAll(/(?:^| )([A-Za-z0-9_/.-]+)=(?:"((?:[^"\\]|\\.)*)"|([^" ]*))(?= |$)/g)) {
    const [, key = '', quoted, plain = ''] = match;
    pairs.set(key, quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, '$1'));
  }
  return pairs;
}

/** The answers of GETINFO by key; of a value over several lines, its data block. */
export function parseInfo({ lines }: Reply): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const { text, data } of lines) {
    const at = text.indexOf('=');
    if (at > 0) values.set(text.slice(0, at), data ?? text.slice(at + 1));
  }
  return values;
}
