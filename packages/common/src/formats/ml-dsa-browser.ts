/**
 * As in ml-dsa-node.ts, where no browser has ML-DSA in its WebCrypto yet. Loaded when the first such signature is
 * checked: a verifier that meets none does not fetch it.
 */
export async function isMlDsa44Signature(
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  if (publicKey.length !== 1312 || signature.length !== 2420) return false;
  const { ml_dsa44: mlDsa44 } = await import('@noble/post-quantum/ml-dsa.js');
  try {
    return mlDsa44.verify(new Uint8Array(signature), new Uint8Array(message), new Uint8Array(publicKey));
  } catch {
    return false;
  }
}
