/** What an ELF file (64-bit, little-endian) says of itself. */
export interface ElfFacts {
  /** `e_machine`: 62 is x86-64, 183 is AArch64. */
  readonly machine: number;
  /** The names of the shared libraries it needs (DT_NEEDED). */
  readonly needed: readonly string[];
  /** The path of its loader (PT_INTERP). */
  readonly loader: string | undefined;
  /** The smallest alignment of its loadable segments, in bytes. */
  readonly alignment: number;
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
  readonly alignment: number;
}

const magic = 0x7f_45_4c_46;
const class64 = 2;
const segmentTypes = { load: 1, dynamic: 2, interpreter: 3 } as const;
const dynamicTags = { end: 0, needed: 1, stringTable: 5 } as const;

/** Reads the facts of an ELF file; undefined for any other file. Throws a RangeError on one that is cut. */
export function readElf(file: Buffer): ElfFacts | undefined {
  if (file.length < 64 || file.readUInt32BE(0) !== magic || file[4] !== class64) return undefined;
  const segments = readSegments(file);
  const loads = segments.filter(({ type }) => type === segmentTypes.load);
  const interpreter = segments.find(({ type }) => type === segmentTypes.interpreter);
  const dynamic = segments.find(({ type }) => type === segmentTypes.dynamic);
  return {
    machine: file.readUInt16LE(18),
    needed: dynamic === undefined ? [] : readNeeded(file, dynamic, loads),
    loader: interpreter === undefined ? undefined : textAt(file, interpreter.offset),
    alignment: Math.min(...loads.map(({ alignment }) => alignment)),
  };
}

function readSegments(file: Buffer): Segment[] {
  const start = readWord(file, 32);
  const size = file.readUInt16LE(54);
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const at = start + index * size;
    return {
      type: file.readUInt32LE(at),
      offset: readWord(file, at + 8),
      address: readWord(file, at + 16),
      size: readWord(file, at + 32),
      alignment: readWord(file, at + 48),
    };
  });
}

function readNeeded(file: Buffer, dynamic: Segment, loads: readonly Segment[]): string[] {
  const names: number[] = [];
  let strings: number | undefined;
  for (let at = dynamic.offset; at + 16 <= dynamic.offset + dynamic.size; at += 16) {
    const tag = readWord(file, at);
    const value = readWord(file, at + 8);
    if (tag === dynamicTags.end) break;
    if (tag === dynamicTags.needed) names.push(value);
    if (tag === dynamicTags.stringTable) strings = offsetOf(value, loads);
  }
  const table = strings;
  return table === undefined ? [] : names.map((name) => textAt(file, table + name));
}

/** Where in the file an address of the loaded program is. */
function offsetOf(address: number, loads: readonly Segment[]): number | undefined {
  const load = loads.find((one) => address >= one.address && address < one.address + one.size);
  return load === undefined ? undefined : load.offset + address - load.address;
}

function readWord(file: Buffer, at: number): number {
  return Number(file.readBigUInt64LE(at));
}

function textAt(file: Buffer, at: number): string {
  const end = file.indexOf(0, at);
  return file.toString('utf8', at, end === -1 ? file.length : end);
}
