import { type VerifyBundleOptions, verifyBundle } from '@lucid/client/verify';
import { parseBase64, parseHex } from '@lucid/common/formats/bytes';
import { isEd25519Signature } from '@lucid/common/formats/ed25519';
import type { ProofReport } from '@lucid/common/formats/verify-proof';

// The script of a page that verifies. Bytes come in as base 64, because calls into a page carry JSON.

export interface VerifyCall {
  readonly bundle: string;
  readonly policy: string;
  readonly requireAnchor: boolean;
  readonly anchorContract?: string;
  readonly chainId?: number;
  readonly chunk?: string;
}

function optionsOf({ chunk, ...options }: VerifyCall): VerifyBundleOptions {
  return chunk === undefined ? options : { ...options, chunk: { chunkIndex: 0, bytes: parseBase64(chunk) } };
}

export async function verify(call: VerifyCall): Promise<ProofReport> {
  return await verifyBundle(parseBase64(call.bundle), optionsOf(call));
}

/** Whether a page takes `signature` for the key's, all in hex. */
export async function isSignature(publicKey: string, signature: string, message: string): Promise<boolean> {
  return await isEd25519Signature(parseHex(publicKey), parseHex(signature), parseHex(message));
}

/** The codes that refuse the bundle with one bit flipped, in turn at each of these bytes; `OK` where none does. */
export async function verifyFlipped(call: VerifyCall, offsets: readonly number[]): Promise<string[]> {
  const codes: string[] = [];
  for (const offset of offsets) {
    const bytes = parseBase64(call.bundle);
    bytes[offset] = (bytes[offset] ?? 0) ^ (1 << (offset % 7));
    const { ok, steps } = await verifyBundle(bytes, optionsOf(call));
    codes.push(ok ? 'OK' : (steps.at(-1)?.code ?? ''));
  }
  return codes;
}
