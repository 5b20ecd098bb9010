import type { SessionPolicyDocument } from '@lucid/common/apis/identity-schemas';
import { isAppError } from '@lucid/common/errors';
import { toHex } from '@lucid/common/formats/bytes';
import { encodeCanonicalJson } from '@lucid/common/formats/canonical-json';
import { sha256 } from '@lucid/common/formats/sha256';
import { Signature } from 'ethers';
import { apiError } from '../errors.ts';
import { recover } from './challenges.ts';
import type { Policy, User } from './types.ts';

/** SHA-256 of the canonical JSON (RFC 8785), hex: what manifests and the chain refer to. @throws POLICY_INVALID */
export function hashPolicy(policy: SessionPolicyDocument): string {
  try {
    return toHex(sha256(encodeCanonicalJson(policy)));
  } catch (cause) {
    if (isAppError(cause))
      throw apiError('POLICY_INVALID', `The policy has no canonical form: ${cause.message}.`, { cause });
    throw cause;
  }
}

/** The text the owner's wallet signs by EIP-191 (personal_sign). */
export function policySigningText(policyHash: string): string {
  return `lucid/policy/v1\n${policyHash}`;
}

/**
 * Checks that the policy is sound, the user's own and signed by one of their wallets.
 * @throws POLICY_INVALID, POLICY_OWNER_WRONG, POLICY_SIGNATURE_INVALID
 */
export function verifyPolicy(owner: User, policy: SessionPolicyDocument, signature: string, createdAt: number): Policy {
  verifyTimes(policy);
  const { subject, address } = policy.owner;
  const isOwn = owner.userId === subject;
  if (!isOwn || !owner.wallets.some((wallet) => wallet.toLowerCase() === address.toLowerCase())) {
    throw apiError('POLICY_OWNER_WRONG', "The policy's owner must be you, by a wallet linked to you.");
  }
  const policyHash = hashPolicy(policy);
  if (recover(policySigningText(policyHash), signature)?.toLowerCase() !== address.toLowerCase()) {
    throw apiError('POLICY_SIGNATURE_INVALID', `The signature is not ${address}'s over the policy ${policyHash}.`);
  }
  // A signature has several spellings (compact, other case, v as 0 or 27): one is kept.
  return { policyHash, policy, signature: Signature.from(signature).serialized, createdAt };
}

function verifyTimes({ issuedAt, expiresAt }: SessionPolicyDocument): void {
  const [from, to] = [Date.parse(issuedAt), expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt)];
  // What the format allows and no clock shows (a leap second) is NaN, which compares as false.
  if (!(from < to)) throw apiError('POLICY_INVALID', 'The policy ends before it begins, or one of its times is none.');
}
