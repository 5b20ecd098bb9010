/** Parses a decimal of a C2SP format: no sign, no leading zero, at most 2^53 - 1; else undefined. */
export function parseDecimal(text: string): number | undefined {
  const value = /^(0|[1-9][0-9]{0,15})$/u.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
