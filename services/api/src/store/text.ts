/** Text as UTF-8, for values that are one word. */
export function encodeText(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

export function decodeText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
