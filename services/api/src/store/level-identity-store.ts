import { GroupCommit } from '@lucid/common/storage/group-commit';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import type { IdentityStore } from '../domain/stores.ts';
import { createLevelApiKeys } from './level-api-keys.ts';
import { createLevelPolicies } from './level-policies.ts';
import { createLevelSignIns } from './level-sign-ins.ts';
import { createLevelUsers } from './level-users.ts';

/** An identity store that holds a folder; disposing it waits for running writes and lets go. */
export type OpenIdentityStore = IdentityStore & AsyncDisposable & { readonly failure: Error | undefined };

/**
 * Opens everything api keeps, in one LevelDB folder with one writer.
 * @throws STORE_LOCKED, STORE_CORRUPT, STORE_OPEN_FAILED
 */
export async function openLevelIdentityStore(folder: string): Promise<OpenIdentityStore> {
  const store: KeyValueStore = await openLevelStore(folder);
  const writer = new GroupCommit(store);
  return {
    ...createLevelUsers(store, writer),
    ...createLevelSignIns(store, writer),
    ...createLevelApiKeys(store, writer),
    ...createLevelPolicies(store, writer),
    get failure() {
      return writer.failure;
    },
    [Symbol.asyncDispose]: async () => {
      await writer[Symbol.asyncDispose]();
      await store.close();
    },
  };
}
