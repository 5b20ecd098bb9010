/** Nibble paths and their hex-prefix encoding (Yellow Paper, appendix C). */

/** Splits a key into half-bytes, most significant first. */
export function toNibbles(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(key.length * 2);
  for (let i = 0; i < key.length; i++) {
    out[2 * i] = key[i]! >> 4;
    out[2 * i + 1] = key[i]! & 15;
  }
  return out;
}

/** Packs a path with the flags "odd length" and "leaf". */
export function encodePath(path: Uint8Array, isLeaf: boolean): Uint8Array {
  const odd = path.length & 1;
  const out = new Uint8Array((path.length >> 1) + 1);
  out[0] = (isLeaf ? 0x20 : 0) | (odd ? 0x10 | path[0]! : 0);
  for (let i = odd, at = 1; i < path.length; i += 2, at++) out[at] = (path[i]! << 4) | path[i + 1]!;
  return out;
}

/** Reverses `encodePath`. */
export function decodePath(bytes: Uint8Array): { path: Uint8Array; isLeaf: boolean } {
  const odd = bytes[0]! & 0x10 ? 1 : 0;
  const path = new Uint8Array((bytes.length - 1) * 2 + odd);
  let at = 0;
  if (odd) path[at++] = bytes[0]! & 15;
  for (let i = 1; i < bytes.length; i++) {
    path[at++] = bytes[i]! >> 4;
    path[at++] = bytes[i]! & 15;
  }
  return { path, isLeaf: (bytes[0]! & 0x20) !== 0 };
}

/** Whether `path` stands in `key` at `offset`. */
export function pathAt(path: Uint8Array, key: Uint8Array, offset: number): boolean {
  if (offset + path.length > key.length) return false;
  for (let i = 0; i < path.length; i++) if (path[i] !== key[offset + i]) return false;
  return true;
}

/** How many nibbles `path` and `key` from `offset` have in common. */
export function commonLength(path: Uint8Array, key: Uint8Array, offset: number): number {
  let length = 0;
  while (length < path.length && offset + length < key.length && path[length] === key[offset + length]) length++;
  return length;
}
