import type { Identity } from '@lucid/common/http/identity';
import { sessionError } from '../errors.ts';
import { getWritable } from './access.ts';
import { buildChunkTree } from './chunk-tree.ts';
import {
  compareManifest,
  comparePrevious,
  isSealedBy,
  manifestOf,
  readSeal,
  requireComplete,
  requireEnded,
  type SealRecord,
  type SealRequest,
  verifySealSignatures,
} from './seal.ts';
import type { SessionRecord } from './session.ts';
import type { SessionStore } from './session-store.ts';

export interface SealDeps {
  readonly store: SessionStore;
  readonly now: () => number;
}

/**
 * Seals a session: manifest, signatures and root are checked, then kept together with the order to write the seal to
 * the ledger. The same manifest again answers the session as it is.
 * @throws the codes of `sealSession` in the operation table
 */
export async function sealSession(
  { store, now }: SealDeps,
  identity: Identity,
  sessionId: string,
  request: SealRequest,
): Promise<SessionRecord> {
  const session = await getWritable(store, identity, sessionId);
  const seal = readSeal(sessionId, request);
  if (isSealedBy(session, seal)) return session;
  requireComplete(session);
  await verifySealSignatures(session, seal);
  await checkManifest(store, session, seal, now());
  return await store.addSeal(seal, (latest) => {
    if (isSealedBy(latest, seal)) return latest;
    if (latest.progress.storedCount !== session.progress.storedCount) {
      throw sessionError('SESSION_MANIFEST_MISMATCH', 'Chunks arrived while the session was being sealed.', {
        data: { field: 'chunkCount' },
      });
    }
    const { merkleRoot, chunkCount } = manifestOf(seal).manifest;
    const { manifestHash } = seal;
    return { ...latest, state: 'sealing', seal: { manifestHash, merkleRoot, chunkCount, sealedAt: now() } };
  });
}

async function checkManifest(
  store: SessionStore,
  session: SessionRecord,
  seal: SealRecord,
  now: number,
): Promise<void> {
  const { manifest } = manifestOf(seal);
  requireEnded(manifest, now);
  const previous = manifest.previous ? await store.findSession(manifest.previous.sessionId) : undefined;
  comparePrevious(session, manifest, previous);
  compareManifest(session, manifest, await buildChunkTree(store.readChunks(session.sessionId)));
}
