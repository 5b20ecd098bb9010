import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const gzipAsync = promisify(gzip);

/** A bundle as it is sent; `gzip` once somebody asked for it and it was worth it. */
type CachedBundle = { readonly bytes: Buffer; gzip?: Promise<Buffer | undefined>; size: number };

/** What an answer is made of: the bytes, and whether they are compressed. */
export type EncodedBundle = { readonly bytes: Buffer; readonly encoding: 'gzip' | 'identity' };

/** Compression is left when it saves less than a sixteenth: entries may be digests. */
const worthwhile = 15 / 16;

/**
 * The entry bundles asked for last, as they are sent, bounded in bytes: the least recently asked for goes first. A
 * bundle of a width never changes, so nothing is ever taken back. It counts its hits and misses.
 */
export class BundleCache {
  readonly #bytesMax: number;
  readonly #bundles = new Map<string, CachedBundle>();
  readonly #reading = new Map<string, Promise<CachedBundle>>();
  #bytes = 0;
  hits = 0;
  misses = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The bundle of that name, read when it is not kept. */
  async get(name: string, takesGzip: boolean, read: () => Promise<Buffer>): Promise<EncodedBundle> {
    let cached = this.#bundles.get(name);
    if (cached) {
      this.hits += 1;
      this.#bundles.delete(name);
      this.#bundles.set(name, cached);
    } else {
      cached = await this.#read(name, read);
    }
    if (!takesGzip) return { bytes: cached.bytes, encoding: 'identity' };
    const compressed = await (cached.gzip ??= this.#compress(name, cached));
    return compressed ? { bytes: compressed, encoding: 'gzip' } : { bytes: cached.bytes, encoding: 'identity' };
  }

  /** Many who ask for the same at once, as followers do, are one read. */
  async #read(name: string, read: () => Promise<Buffer>): Promise<CachedBundle> {
    const running = this.#reading.get(name);
    if (running) {
      this.hits += 1;
      return await running;
    }
    this.misses += 1;
    const reading = read().then((bytes) => {
      const cached = { bytes, size: bytes.length };
      this.#keep(name, cached);
      return cached;
    });
    this.#reading.set(name, reading);
    try {
      return await reading;
    } finally {
      this.#reading.delete(name);
    }
  }

  async #compress(name: string, cached: CachedBundle): Promise<Buffer | undefined> {
    const compressed = await gzipAsync(cached.bytes);
    if (compressed.length > cached.bytes.length * worthwhile) return undefined;
    cached.size += compressed.length;
    if (this.#bundles.get(name) === cached) {
      this.#bytes += compressed.length;
      this.#evict();
    }
    return compressed;
  }

  #keep(name: string, cached: CachedBundle): void {
    this.#bundles.set(name, cached);
    this.#bytes += cached.size;
    this.#evict();
  }

  #evict(): void {
    for (const [name, { size }] of this.#bundles) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#bundles.delete(name);
      this.#bytes -= size;
    }
  }
}

/** Whether `Accept-Encoding` takes gzip (RFC 9110 §12.5.3). */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  const offers = String(header ?? '')
    .toLowerCase()
    .split(',')
    .map((offer) => offer.trim().split(/\s*;\s*/));
  const weightOf = (coding: string): number | undefined => {
    const offer = offers.find(([name]) => name === coding);
    if (!offer) return undefined;
    const weight = offer.find((part) => part.startsWith('q='))?.slice(2);
    return weight === undefined ? 1 : Number(weight);
  };
  return (weightOf('gzip') ?? weightOf('*') ?? 0) > 0;
}
