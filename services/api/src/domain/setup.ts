import { isEqual } from './challenges.ts';
import { createSetupCode, hashSetupCode } from './secrets.ts';
import type { UserStore } from './stores.ts';

/** Where the operator reads the setup code. */
export interface SetupCodePlace {
  read(): Promise<string | undefined>;
  write(code: string): Promise<void>;
  remove(): Promise<void>;
}

/**
 * At start: while there is no user, sees to it that the file holds a code and the store its hash; a code whose file
 * was lost is replaced. Once there is a user, takes away what a crash may have left.
 * @returns whether the platform waits for its first user
 */
export async function ensureSetupCode(store: UserStore, place: SetupCodePlace): Promise<boolean> {
  if (await store.hasUsers()) {
    await place.remove();
    return false;
  }
  const [code, hash] = [await place.read(), await store.findSetupCodeHash()];
  if (code !== undefined && hash !== undefined && isEqual(hashSetupCode(code), hash)) return true;
  const fresh = createSetupCode();
  // The store first: a code in the file that nothing knows would be useless, and the next start replaces it.
  await store.putSetupCodeHash(hashSetupCode(fresh));
  await place.write(fresh);
  return true;
}
