import { AppError } from '@lucid/common/errors';
import { createBatch, type KeyValueStore } from '@lucid/common/storage/kv';
import { KeyVault } from '../domain/key-vault.ts';
import { spaces } from './keys.ts';

const word = Buffer.from('lucid/tunnel-tools', 'utf8');

/**
 * The vault of this store's keys. The first time, a sealed word is left in the store, which shows at every later start
 * whether the secret is the one the keys were sealed with.
 * @throws TUNNELS_KEY_UNFIT, TUNNELS_KEY_WRONG
 */
export async function openVault(store: KeyValueStore, secret: string): Promise<KeyVault> {
  const vault = new KeyVault(secret);
  const key = spaces.facts.key('vault');
  const sealed = await store.find(key);
  if (!sealed) {
    const batch = createBatch();
    batch.put(key, Buffer.from(vault.seal(['check'], word), 'utf8'));
    await store.write(batch, { sync: true });
    return vault;
  }
  try {
    vault.open(['check'], Buffer.from(sealed).toString('utf8'));
  } catch (cause) {
    const message =
      'TUNNELS_KEY_FILE is not the key the tunnels in TUNNEL_TOOLS_DATA_DIR were sealed with: bring back the file ' +
      'that belongs to this folder, or start with an empty folder and new addresses';
    throw new AppError('TUNNELS_KEY_WRONG', message, { cause });
  }
  return vault;
}
