import { randomBytes, randomUUID } from 'node:crypto';
import type { AnchorContent } from '@lucid/common/apis/blockchain';
import { normalizeContent, type RegistrationContent } from '../src/domain/anchor.ts';

/** The anchor of a session nobody anchored before. */
export function newAnchorContent(): AnchorContent {
  return {
    sessionId: randomUUID(),
    manifestHash: randomBytes(32).toString('hex'),
    merkleRoot: randomBytes(32).toString('hex'),
    owner: `0x${randomBytes(20).toString('hex')}`,
    startedAt: new Date().toISOString(),
    chunkCount: 1 + randomBytes(1).readUInt8(),
  };
}

export function newRegistration(): RegistrationContent {
  return normalizeContent(newAnchorContent());
}
