import { createHash, randomBytes } from 'node:crypto';

// What is handed out is 256 random bits, so a plain SHA-256 of it can be stored: there is nothing to guess.

/** SHA-256, hex. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** `lr_` and 256 random bits. */
export function createRefreshToken(): string {
  return `lr_${randomBytes(32).toString('base64url')}`;
}

export interface ApiKeySecret {
  readonly apiKeyId: string;
  readonly secret: string;
}

export function createApiKeySecret(): ApiKeySecret {
  return { apiKeyId: randomBytes(8).toString('hex'), secret: randomBytes(32).toString('base64url') };
}

/** `lk_<id>_<secret>`: what the client keeps. */
export function formatApiKey({ apiKeyId, secret }: ApiKeySecret): string {
  return `lk_${apiKeyId}_${secret}`;
}

/** The parts of `lk_<id>_<secret>`; undefined for anything else. */
export function parseApiKey(text: string): ApiKeySecret | undefined {
  const [, apiKeyId, secret] = /^lk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  return apiKeyId !== undefined && secret !== undefined ? { apiKeyId, secret } : undefined;
}

const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** A code a person can type: four groups of five out of 32 letters and digits that look unlike each other, 100 bits. */
export function createSetupCode(): string {
  const letters = [...randomBytes(20)].map((byte) => alphabet[byte % 32]);
  return [0, 5, 10, 15].map((start) => letters.slice(start, start + 5).join('')).join('-');
}

/** Forgives case and separators, then hashes. */
export function hashSetupCode(code: string): string {
  return hashSecret(code.toUpperCase().replaceAll(/[\s-]/g, ''));
}
