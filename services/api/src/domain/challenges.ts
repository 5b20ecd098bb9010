import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { verifyMessage } from 'ethers';
import { apiError } from '../errors.ts';
import { formatSignInMessage, parseSignInMessage, type SignInMessage } from './siwe.ts';

export type ChallengePurpose = 'sign-in' | 'register' | 'link-wallet';

/** The human half of what a signature is good for; a message signed for one purpose serves no other. */
const statements: Readonly<Record<ChallengePurpose, string>> = {
  'sign-in': 'Sign in to Lucid. This costs nothing and sends no transaction.',
  register: 'Register this wallet as a new user of Lucid. This costs nothing and sends no transaction.',
  'link-wallet': 'Link this wallet to my Lucid user. This costs nothing and sends no transaction.',
};

const lifeMs = 5 * 60_000;

export interface ChallengeOptions {
  /** The address people sign in at; its host is the message's domain. */
  readonly url: string;
  readonly chainId: number;
  /** 32 bytes; whoever has them can issue challenges. */
  readonly key: Uint8Array;
  readonly now: () => number;
}

export interface SignedMessage {
  readonly message: string;
  readonly signature: string;
}

/** Issues EIP-4361 challenges and checks signed ones. Single use is the store's part: `nonce` is to be spent. */
export interface Challenges {
  issue(address: string, purpose: ChallengePurpose): { message: string; nonce: string; expiresAt: number };
  /**
   * Everything that can be known without recovering the key, which is the dear part.
   * @throws AUTH_MESSAGE_MALFORMED, AUTH_DOMAIN_WRONG, AUTH_CHAIN_ID_WRONG, AUTH_CHALLENGE_UNKNOWN, AUTH_CHALLENGE_EXPIRED
   */
  check(message: string, purpose: ChallengePurpose): { address: string; nonce: string; expiresAt: number };
}

/**
 * Nothing is stored when a challenge is issued, so a flood of them costs no memory and pushes no honest one out: the
 * nonce is 128 random bits and a MAC (HMAC-SHA-256, 128 bits) over them and every other field of the message.
 */
export function createChallenges(options: ChallengeOptions): Challenges {
  const { url, chainId, key, now } = options;
  const domain = new URL(url).host;
  const sealed = (message: SignInMessage, random: string): string => {
    const mac = createHmac('sha256', key)
      .update(formatSignInMessage({ ...message, nonce: random }))
      .digest('hex');
    return random + mac.slice(0, 32);
  };
  return {
    issue: (address, purpose) => {
      const issuedAt = now();
      const expiresAt = issuedAt + lifeMs;
      const open: SignInMessage = {
        domain,
        address,
        statement: statements[purpose],
        uri: url,
        chainId,
        nonce: '',
        issuedAt: new Date(issuedAt).toISOString(),
        expiresAt: new Date(expiresAt).toISOString(),
      };
      const nonce = sealed(open, randomBytes(16).toString('hex'));
      return { message: formatSignInMessage({ ...open, nonce }), nonce, expiresAt };
    },
    check: (text, purpose) => {
      const message = parseSignInMessage(text);
      if (message.domain !== domain || message.uri !== url) {
        throw apiError('AUTH_DOMAIN_WRONG', `The message is for ${message.domain}; this platform is ${domain}.`);
      }
      if (message.chainId !== chainId) {
        throw apiError('AUTH_CHAIN_ID_WRONG', `The message is for chain ${message.chainId}; this one is ${chainId}.`);
      }
      const isOurs = isEqual(sealed(message, message.nonce.slice(0, 32)), message.nonce);
      if (!isOurs || message.statement !== statements[purpose]) {
        throw apiError('AUTH_CHALLENGE_UNKNOWN', `This server issued no such message for the purpose ${purpose}.`);
      }
      const expiresAt = Date.parse(message.expiresAt);
      if (now() >= expiresAt) throw apiError('AUTH_CHALLENGE_EXPIRED', 'The challenge has expired; ask for another.');
      return { address: message.address, nonce: message.nonce, expiresAt };
    },
  };
}

/** EIP-191 by an externally owned account. Costs about 2 ms: limit the rate of calls. @throws AUTH_SIGNATURE_INVALID */
export function verifyWalletSignature(address: string, { message, signature }: SignedMessage): void {
  if (recover(message, signature) !== address) {
    throw apiError('AUTH_SIGNATURE_INVALID', `The signature is not ${address}'s over this message.`);
  }
}

/** The checksummed signer; undefined for a signature nobody made. */
export function recover(message: string, signature: string): string | undefined {
  try {
    return verifyMessage(message, signature);
  } catch {
    return undefined;
  }
}

/** Compares texts in a time that depends on their lengths alone. */
export function isEqual(left: string, right: string): boolean {
  const a = Buffer.from(left);
  const b = Buffer.from(right);
  return a.length === b.length && timingSafeEqual(a, b);
}
