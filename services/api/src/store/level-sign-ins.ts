import type { GroupCommit, Transaction } from '@lucid/common/storage/group-commit';
import { decodeJson, encodeJson } from '@lucid/common/storage/json';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import type { KeySpace } from '@lucid/common/storage/prefix';
import { areAttemptsOver } from '../domain/lock-out.ts';
import type { Rotation, SignInStore } from '../domain/stores.ts';
import type { Attempts, SignIn } from '../domain/types.ts';
import { apiError } from '../errors.ts';
import { spaces } from './keys.ts';

/** A refresh token that was given out. It is kept after its use, until its time is over, to know a second use. */
interface RefreshRecord {
  readonly signIn: SignIn;
  readonly expiresAt: number;
  readonly isSpent: boolean;
}

/** Sign-ins on a key-value store; `writer` is the only writer of its keys. */
export function createLevelSignIns(store: KeyValueStore, writer: GroupCommit): SignInStore {
  return {
    spendNonce: (nonce, expiresAt) =>
      writer.run((tx) => {
        const key = spaces.nonces.key(nonce);
        if (tx.find(key)) throw apiError('AUTH_CHALLENGE_REUSED', 'The challenge was used before; ask for another.');
        tx.put(key, encodeJson(expiresAt));
      }),
    openSignIn: (signIn, tokenHash, expiresAt) =>
      writer.run((tx) => {
        tx.put(spaces.signIns.key(signIn.signInId), encodeJson({ ...signIn, expiresAt }));
        putToken(tx, tokenHash, { signIn, expiresAt, isSpent: false });
      }),
    findSignIn: async (signInId) => {
      const value = store.findSync(spaces.signIns.key(signInId));
      if (!value) return undefined;
      const { expiresAt: _expiresAt, ...signIn } = decodeJson<SignIn & { readonly expiresAt: number }>(value);
      return signIn;
    },
    rotate: (tokenHash, next, now) => writer.run((tx) => rotate(tx, tokenHash, next, now)),
    revoke: (tokenHash) =>
      writer.run((tx) => {
        const record = findToken(tx, tokenHash);
        if (record) tx.del(spaces.signIns.key(record.signIn.signInId));
      }),
    updateAttempts: (keyHash, change) =>
      writer.run((tx) => {
        const key = spaces.attempts.key(keyHash);
        const value = tx.find(key);
        const attempts = change(value && decodeJson<Attempts>(value));
        if (attempts) tx.put(key, encodeJson(attempts));
        else if (value) tx.del(key);
      }),
    purge: (now) => purge(store, writer, now),
  };
}

/** A sign-in that is not in the store is revoked; its tokens are known no more. */
function rotate(
  tx: Transaction,
  tokenHash: string,
  next: { readonly hash: string; readonly expiresAt: number },
  now: number,
): Rotation {
  const record = findToken(tx, tokenHash);
  if (!record) return { kind: 'unknown' };
  const { signIn, expiresAt } = record;
  const signInKey = spaces.signIns.key(signIn.signInId);
  if (!tx.find(signInKey)) return { kind: 'unknown' };
  if (record.isSpent) {
    tx.del(signInKey);
    return { kind: 'reused', signIn };
  }
  if (expiresAt <= now) return { kind: 'expired' };
  putToken(tx, tokenHash, { ...record, isSpent: true });
  putToken(tx, next.hash, { signIn, expiresAt: next.expiresAt, isSpent: false });
  tx.put(signInKey, encodeJson({ ...signIn, expiresAt: next.expiresAt }));
  return { kind: 'rotated', signIn };
}

function findToken(tx: Transaction, tokenHash: string): RefreshRecord | undefined {
  const value = tx.find(spaces.refreshTokens.key(tokenHash));
  return value && decodeJson<RefreshRecord>(value);
}

function putToken(tx: Transaction, tokenHash: string, record: RefreshRecord): void {
  tx.put(spaces.refreshTokens.key(tokenHash), encodeJson(record));
}

const purgeGroup = 500;

/** Deletes what ended. Candidates are found beside the writer and looked at again in its turn. */
async function purge(store: KeyValueStore, writer: GroupCommit, now: number): Promise<number> {
  const ended: readonly (readonly [KeySpace, (value: unknown) => boolean])[] = [
    [spaces.nonces, (expiresAt) => (expiresAt as number) <= now],
    [spaces.refreshTokens, (record) => (record as RefreshRecord).expiresAt <= now],
    [spaces.signIns, (signIn) => (signIn as { expiresAt: number }).expiresAt <= now],
    [spaces.attempts, (attempts) => areAttemptsOver(attempts as Attempts, now)],
  ];
  let count = 0;
  for (const [space, isEnded] of ended) {
    let keys: Uint8Array[] = [];
    for await (const [key, value] of store.range(space.range())) {
      if (isEnded(decodeJson(value))) keys.push(key);
      if (keys.length < purgeGroup) continue;
      count += await removeEnded(writer, keys, isEnded);
      keys = [];
    }
    count += await removeEnded(writer, keys, isEnded);
  }
  return count;
}

async function removeEnded(
  writer: GroupCommit,
  keys: readonly Uint8Array[],
  isEnded: (value: unknown) => boolean,
): Promise<number> {
  if (keys.length === 0) return 0;
  return await writer.run((tx) => {
    const ended = keys.filter((key) => {
      const value = tx.find(key);
      return value !== undefined && isEnded(decodeJson(value));
    });
    for (const key of ended) tx.del(key);
    return ended.length;
  });
}
