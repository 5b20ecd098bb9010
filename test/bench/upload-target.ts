import { randomBytes } from 'node:crypto';
import { identityApi } from '@lucid/common/apis/identity';
import { sessionsApi } from '@lucid/common/apis/sessions';
import { toHex } from '@lucid/common/formats/bytes';
import { chunkHeaderHash, chunkSigningPayload, encodeChunkHeader } from '@lucid/common/formats/chunk';
import { createEd25519Seed, openEd25519Signer } from '@lucid/common/formats/ed25519';
import { sessionJoinMessage } from '@lucid/common/formats/session-join';
import { sha256 } from '@lucid/common/formats/sha256';
import { createClient } from '@lucid/common/http/client';
import type { ServiceName } from '@lucid/platform/ports';

interface UploadRequest {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** Where a round of uploads goes, and what each of its requests is. */
export interface UploadTarget {
  readonly origin: string;
  request(index: number): UploadRequest;
}

interface PlatformFacts {
  readonly urls: Readonly<Record<ServiceName, string>>;
  readonly setupCode?: string;
}

const chunkBytes = 8 * 1024 * 1024;

/** The same random bodies for a session of the platform (a new one each round) and for a plain server. */
export async function recordedChunks({ urls, setupCode = '' }: PlatformFacts, count: number) {
  const bodies = Array.from({ length: count }, () => randomBytes(chunkBytes));
  const { token, subject } = await registerRecorder(urls.api, setupCode);
  return {
    plainTarget: (origin: string): UploadTarget => ({
      origin,
      request: (index) => ({ path: '/', headers: {}, body: bodies[index] as Uint8Array }),
    }),
    sessionTarget: async (): Promise<UploadTarget> => {
      const requests = await openSession(urls.sessions, token, subject, bodies);
      return { origin: urls.sessions, request: (index) => requests[index] as UploadRequest };
    },
  };
}

async function registerRecorder(baseUrl: string, setupCode: string) {
  const api = createClient(identityApi, { baseUrl });
  const credentials = { name: 'bench', password: toHex(randomBytes(12)) };
  await api.registerUser({ body: { ...credentials, setupCode } });
  const tokens = await api.createToken({ body: { grantType: 'password', ...credentials } });
  return { token: tokens.accessToken, subject: tokens.subject };
}

/** Opens a session and prepares its uploads: headers chained and signed, as a recorder does. */
async function openSession(baseUrl: string, token: string, subject: string, bodies: readonly Uint8Array[]) {
  const recorder = await openEd25519Signer(createEd25519Seed());
  const recorderKey = toHex(recorder.publicKey);
  const sessions = createClient(sessionsApi, { baseUrl, token: () => token });
  const { sessionId } = await sessions.createSession({
    body: { recorderKey, policyHash: '0'.repeat(64), retention: { retainForSec: 0 } },
  });
  const signature = toHex(await recorder.sign(sessionJoinMessage(sessionId, subject)));
  await sessions.joinSession({ params: { sessionId }, body: { publicKey: recorderKey, signature } });
  const requests: UploadRequest[] = [];
  let previousHash: Uint8Array = new Uint8Array(32);
  for (const [chunkIndex, body] of bodies.entries()) {
    const cipherDigest = sha256(body);
    const fields = { sessionId, chunkIndex, capturedAt: Date.now(), plainSize: body.length, cipherSize: body.length };
    const header = encodeChunkHeader({ ...fields, chunkSalt: randomBytes(16), cipherDigest, previousHash });
    requests.push({
      path: `/sessions/${sessionId}/chunks/${chunkIndex}`,
      body,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/octet-stream',
        'content-digest': `sha-256=:${Buffer.from(cipherDigest).toString('base64')}:`,
        'lucid-captured-at': String(fields.capturedAt),
        'lucid-plain-size': String(fields.plainSize),
        'lucid-cipher-size': String(fields.cipherSize),
        'lucid-chunk-salt': toHex(header.subarray(49, 65)),
        'lucid-previous-hash': toHex(previousHash),
        'lucid-header-signature': toHex(await recorder.sign(chunkSigningPayload(header))),
      },
    });
    previousHash = chunkHeaderHash(header);
  }
  return requests;
}
