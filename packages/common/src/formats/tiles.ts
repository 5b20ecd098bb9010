import { concatBytes } from './bytes.ts';
import { parseDecimal } from './decimal.ts';
import { malformed } from './malformed.ts';

/** Tiles and entry bundles of https://c2sp.org/tlog-tiles: 256 hashes of one level, or the 256 entries under them. */

export const TILE_WIDTH = 256;
export const ENTRY_SIZE_MAX = 65_535;
const LEVEL_MAX = 6;

export interface TileId {
  /** 0 is leaf hashes; level L covers subtrees of 256^L leaves. `entries` names an entry bundle. */
  readonly level: number | 'entries';
  readonly index: number;
  /** 1 to 256; below 256 the tile is partial. */
  readonly width: number;
}

/** The path under a log's prefix, such as `tile/0/x001/x234/067.p/5`. */
export function encodeTilePath(tile: TileId): string {
  let rest = Math.floor(tile.index / 1000);
  let path = `${tile.index % 1000}`.padStart(3, '0');
  for (; rest > 0; rest = Math.floor(rest / 1000)) path = `x${`${rest % 1000}`.padStart(3, '0')}/${path}`;
  return `tile/${tile.level}/${path}${tile.width === TILE_WIDTH ? '' : `.p/${tile.width}`}`;
}

/** The one spelling of a tile's path, else `TILE_PATH_MALFORMED`. */
export function parseTilePath(path: string): TileId {
  const match = /^tile\/(entries|[0-9])\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/u.exec(path);
  const [, level = '', digits = '', partial] = match ?? [];
  const index = Number(digits.replaceAll(/[x/]/gu, ''));
  const width = partial === undefined ? TILE_WIDTH : parseDecimal(partial);
  const tile = { level: level === 'entries' ? level : Number(level), index, width: width ?? 0 } as const;
  const inRange =
    Number.isSafeInteger(index) && tile.width >= 1 && (tile.level === 'entries' || tile.level <= LEVEL_MAX);
  if (match === null || !inRange || encodeTilePath(tile) !== path) {
    throw malformed('TILE_PATH_MALFORMED', 'not the path of a tile');
  }
  return tile;
}

/** How many hashes of its level a tile holds in a tree of `treeSize` leaves; 0 when it does not exist yet. */
export function tileWidth(level: number | 'entries', index: number, treeSize: number): number {
  const span = level === 'entries' ? 1 : TILE_WIDTH ** level;
  const count = Math.floor(treeSize / span) - index * TILE_WIDTH;
  return Math.min(TILE_WIDTH, Math.max(0, count));
}

/** Entries, each after its size as uint16 big-endian; `ENTRY_TOO_LARGE` past 65,535 bytes. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...entries.flatMap((entry) => {
      if (entry.length > ENTRY_SIZE_MAX) throw malformed('ENTRY_TOO_LARGE', 'an entry is at most 65,535 bytes');
      return [Uint8Array.of(entry.length >>> 8, entry.length & 255), entry];
    }),
  );
}

/** Splits a bundle; `ENTRY_BUNDLE_MALFORMED` when it is cut short or holds more than `countMax` entries. */
export function parseEntryBundle(bundle: Uint8Array, countMax: number = TILE_WIDTH): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (offset < bundle.length) {
    const size = ((bundle[offset] ?? 0) << 8) | (bundle[offset + 1] ?? 0);
    const end = offset + 2 + size;
    if (end > bundle.length || entries.length === countMax) {
      throw malformed('ENTRY_BUNDLE_MALFORMED', `not a bundle of at most ${countMax} entries`);
    }
    entries.push(bundle.subarray(offset + 2, end));
    offset = end;
  }
  return entries;
}
