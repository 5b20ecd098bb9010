import { renderUnicodeCompact } from 'uqr';

/** A QR code for a terminal, two rows a line; dark on light, as readers expect, on dark terminals too. */
export function formatQr(text: string): string {
  return `${renderUnicodeCompact(text, { border: 2 })}\n`;
}
