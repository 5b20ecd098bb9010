/** A decimal string as a number of the EVM; undefined when it does not fit in 256 bits. */
export function parseUint256(text: string): bigint | undefined {
  const value = BigInt(text);
  return value < 2n ** 256n ? value : undefined;
}
