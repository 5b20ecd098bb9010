/**
 * The WebAssembly module of sha256-simd.ts, put together instruction by instruction: SHA-256 (FIPS 180-4 §6.2) over four
 * lanes at once. It imports a memory as `m`.`m` and exports `pairs(source, target, end)`, which hashes the pairs of
 * nodes at `source` (64 bytes each), four at a time, to `target` (32 bytes each) until that has reached `end`.
 */
type Code = readonly number[];

const stateAt = 0;
const wordsAt = 128;
const lanes = [0, 1, 2, 3];
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...unsigned(Math.floor(value / 128))];
}

function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
}

// One instruction each, named as in the specification's text format.
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const at = (offset: number): number[] => [0, ...unsigned(offset)];
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const i32 = (value: number): number[] => [0x41, ...signed(value | 0)];
const i32Add: Code = [0x6a];
const load = (offset: number): number[] => [...simd(0x00), ...at(offset)];
const store = (offset: number): number[] => [...simd(0x0b), ...at(offset)];
const loadLane = (offset: number, lane: number): number[] => [...simd(0x56), ...at(offset), lane];
const storeLane = (offset: number, lane: number): number[] => [...simd(0x5a), ...at(offset), lane];
const and = simd(0x4e);
const or = simd(0x50);
const xor = simd(0x51);
const bitselect = simd(0x52);
const shl = simd(0xab);
const shr = simd(0xad);
const add = simd(0xae);
/** The bytes of each word turned round. */
const swap = [...simd(0x0c), ...upTo(16).map((byte) => (byte & 12) | (3 - (byte & 3))), ...simd(0x0e)];

function constant(value: number): number[] {
  const word = [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
  return [...simd(0x0c), ...word, ...word, ...word, ...word];
}

/** FIPS 180-4 §4.2.2, §5.3.3: the first 32 bits of the fractional parts of roots of the first primes. */
const fraction = (root: number): number => Math.floor((root % 1) * 2 ** 32);
const primes = upTo(312).filter((n) => n > 1 && upTo(n).every((d) => d < 2 || n % d !== 0));
const initial = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
const rounds = primes.slice(0, 64).map((prime) => fraction(Math.cbrt(prime)));

const rotated = (local: number, by: number): Code => [
  ...get(local),
  ...i32(by),
  ...shr,
  ...get(local),
  ...i32(32 - by),
  ...shl,
  ...or,
];
/** The sums of §4.1.2; the small ones shift by the last number instead of rotating. */
const bigSum = (x: number, a: number, b: number, c: number): Code => [
  ...rotated(x, a),
  ...rotated(x, b),
  ...xor,
  ...rotated(x, c),
  ...xor,
];
const smallSum = (x: number, a: number, b: number, c: number): Code => [
  ...rotated(x, a),
  ...rotated(x, b),
  ...xor,
  ...get(x),
  ...i32(c),
  ...shr,
  ...xor,
];

/** The compression function, of four blocks: the words at `wordsAt` into the state at `stateAt`. */
function block(): number[] {
  // Locals 0 to 7 are a to h, 8 to 23 the last sixteen words, 24 the first temporary word.
  const word = (index: number): number => 8 + (index % 16);
  const code: number[] = [];
  for (const index of upTo(8)) code.push(...i32(0), ...load(stateAt + 16 * index), ...set(index));
  for (const index of upTo(16)) code.push(...i32(0), ...load(wordsAt + 16 * index), ...set(word(index)));
  for (const [round, value] of rounds.entries()) {
    if (round >= 16) {
      code.push(...get(word(round)), ...smallSum(word(round + 1), 7, 18, 3), ...add, ...get(word(round + 9)), ...add);
      code.push(...smallSum(word(round + 14), 17, 19, 10), ...add, ...set(word(round)));
    }
    const [a, b, c, d, e, f, g, h] = upTo(8).map((name) => (name + 64 - round) % 8) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    code.push(...get(h), ...constant(value), ...add, ...get(word(round)), ...add, ...bigSum(e, 6, 11, 25), ...add);
    code.push(...get(f), ...get(g), ...get(e), ...bitselect, ...add, ...set(24));
    code.push(...get(d), ...get(24), ...add, ...set(d));
    // The majority of three bits is c where a and b differ, and b where they do not.
    code.push(...get(24), ...bigSum(a, 2, 13, 22), ...add);
    code.push(...get(c), ...get(b), ...get(a), ...get(b), ...xor, ...bitselect, ...add, ...set(h));
  }
  for (const index of upTo(8)) {
    const offset = stateAt + 16 * index;
    code.push(...i32(0), ...get(index), ...i32(0), ...load(offset), ...add, ...store(offset));
  }
  return code;
}

/** Word `index` of four blocks that begin a byte before the pairs at local 0, as it stands in memory. */
function fourWords(index: number): number[] {
  const gathered = lanes.flatMap((lane) =>
    [...set(3), ...get(0), ...i32(-1), ...i32Add, ...get(3)].concat(loadLane(64 * lane + 4 * index, lane)),
  );
  return [...constant(0), ...gathered, ...swap];
}

/** Locals 0 to 2 are source, target and end, 3 a vector. */
function pairs(): number[] {
  const code: number[] = [0x03, 0x40];
  for (const index of upTo(8))
    code.push(...i32(0), ...constant(initial[index] as number), ...store(stateAt + 16 * index));
  // The first block: 0x01 ‖ all of the pair but its last byte.
  code.push(
    ...i32(0),
    ...fourWords(0),
    ...constant(0x00ffffff),
    ...and,
    ...constant(0x01000000),
    ...or,
    ...store(wordsAt),
  );
  for (const index of upTo(16).slice(1)) code.push(...i32(0), ...fourWords(index), ...store(wordsAt + 16 * index));
  code.push(0x10, 0);
  // The second: that byte, a one bit, zeros, the length of 520 bits.
  code.push(
    ...i32(0),
    ...fourWords(16),
    ...constant(0xff000000 | 0),
    ...and,
    ...constant(0x00800000),
    ...or,
    ...store(wordsAt),
  );
  for (const index of upTo(15).slice(1)) code.push(...i32(0), ...constant(0), ...store(wordsAt + 16 * index));
  code.push(...i32(0), ...constant(520), ...store(wordsAt + 16 * 15), 0x10, 0);
  for (const index of upTo(8)) {
    code.push(...i32(0), ...load(stateAt + 16 * index), ...swap, ...set(3));
    for (const lane of lanes) code.push(...get(1), ...get(3), ...storeLane(32 * lane + 4 * index, lane));
  }
  code.push(...get(0), ...i32(256), ...i32Add, ...set(0), ...get(1), ...i32(128), ...i32Add, ...set(1));
  // Again while target < end (i32.lt_u).
  code.push(...get(1), ...get(2), 0x49, 0x0d, 0, 0x0b);
  return code;
}

const vector = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: Code): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, items: readonly Code[]): number[] => [id, ...sized(vector(items))];
const [i32Type, v128Type] = [0x7f, 0x7b];
/** A function body with so many vectors among its locals. */
const body = (vectors: number, code: Code): number[] => sized([1, vectors, v128Type, ...code, 0x0b]);

/** The bytes of the module, about 20 KB. */
export function assembleSha256Lanes(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, [
      [0x60, 0, 0],
      [0x60, 3, i32Type, i32Type, i32Type, 0],
    ]),
    ...section(2, [[1, 0x6d, 1, 0x6d, 2, 0, 1]]),
    ...section(3, [[0], [1]]),
    ...section(7, [[5, ...new TextEncoder().encode('pairs'), 0, 1]]),
    ...section(10, [body(25, block()), body(1, pairs())]),
  ]);
}
