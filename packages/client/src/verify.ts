import { parsePolicy } from '@lucid/common/formats/policy';
import { type ProofReport, verifyProofBytes } from '@lucid/common/formats/verify-proof';

/** Where LucidAnchors is on every Lucid chain: genesis puts it there. */
export const lucidAnchorsAddress = '0xad97176f6f332aaeb1460bcc1274eb6f7c233af5';

export interface VerifyBundleOptions {
  /** The trust file, https://c2sp.org/tlog-policy: which logs, which witnesses. */
  readonly policy: string | Uint8Array;
  /** Another place of the LucidAnchors contract: 0x and lower-case hex. */
  readonly anchorContract?: string;
  readonly chainId?: number;
  /** Refuse a session that is sealed but not on the chain yet. */
  readonly requireAnchor?: boolean;
  /** A stored chunk to check: its index and its bytes as downloaded. */
  readonly chunk?: { readonly chunkIndex: number; readonly bytes: Uint8Array<ArrayBuffer> };
}

/**
 * Verifies a proof bundle with no network, in Node and in a browser. What the bundle holds never throws: the report
 * says which step failed and why. A policy that is none throws `POLICY_MALFORMED` or `NOTE_KEY_MALFORMED`.
 */
export async function verifyBundle(bundle: Uint8Array, options: VerifyBundleOptions): Promise<ProofReport> {
  const { policy, anchorContract = lucidAnchorsAddress, chainId, requireAnchor = false, chunk } = options;
  const trust = { policy: parsePolicy(policy), anchorContract, ...(chainId === undefined ? {} : { chainId }) };
  if (chunk === undefined) return await verifyProofBytes(bundle, { trust, requireAnchor });
  const cipherDigest = new Uint8Array(await crypto.subtle.digest('SHA-256', chunk.bytes));
  const file = { chunkIndex: chunk.chunkIndex, cipherDigest, cipherSize: chunk.bytes.length };
  return await verifyProofBytes(bundle, { trust, requireAnchor, chunk: file });
}
