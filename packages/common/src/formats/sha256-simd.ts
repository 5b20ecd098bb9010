import { HASH_SIZE } from './merkle.ts';
import { assembleSha256Lanes } from './sha256-simd-code.ts';

/** How many pairs one call takes: their 64 KiB, and the hashes of them, lie in the module's memory. */
const pairsMax = 1024;
const pairSize = 2 * HASH_SIZE;
/** In the module's memory: state and message words first, then the pairs, then their hashes. */
const sourceAt = 1024;
const targetAt = sourceAt + pairsMax * pairSize;
const pageSize = 65_536;

/** Hashes pairs of nodes four at a time; see `hashPairs` of hash-nodes.ts, which decides when that is worth it. */
export type HashPairsInLanes = (
  source: Uint8Array,
  from: number,
  count: number,
  target: Uint8Array,
  to: number,
) => void;

/**
 * SHA-256 of 0x01 ‖ left ‖ right (RFC 6962 §2.1) in WebAssembly with 128-bit SIMD: each of the four lanes hashes one
 * pair. Undefined where there is no WebAssembly, no SIMD in it, or a Content-Security-Policy that forbids compiling it.
 */
export function createHashPairsInLanes(): HashPairsInLanes | undefined {
  try {
    const { WebAssembly } = globalThis as unknown as Engine;
    const memory = new WebAssembly.Memory({ initial: Math.ceil((targetAt + pairsMax * HASH_SIZE) / pageSize) });
    const module = new WebAssembly.Module(assembleSha256Lanes());
    const { exports } = new WebAssembly.Instance(module, { m: { m: memory } });
    return lanesOf(new Uint8Array(memory.buffer), exports['pairs'] as HashLanes);
  } catch {
    return undefined;
  }
}

/** What is used of the engine's WebAssembly, whose types come with those of browsers only. */
type Engine = {
  readonly WebAssembly: {
    readonly Memory: new (pages: { initial: number }) => { readonly buffer: ArrayBuffer };
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  };
};

type HashLanes = (source: number, target: number, end: number) => void;

function lanesOf(bytes: Uint8Array, hashLanes: HashLanes): HashPairsInLanes {
  return (source, from, count, target, to) => {
    for (let done = 0; done < count; done += pairsMax) {
      const pairs = Math.min(pairsMax, count - done);
      const start = from + done * pairSize;
      bytes.set(source.subarray(start, start + pairs * pairSize), sourceAt);
      // Lanes beyond the last pair hash what lies there, and nobody reads that.
      hashLanes(sourceAt, targetAt, targetAt + pairs * HASH_SIZE);
      target.set(bytes.subarray(targetAt, targetAt + pairs * HASH_SIZE), to + done * HASH_SIZE);
    }
  };
}
