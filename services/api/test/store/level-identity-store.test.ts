import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLevelIdentityStore } from '../../src/store/level-identity-store.ts';
import { identityStoreContract } from './identity-store-contract.ts';

identityStoreContract('LevelDB', {
  location: () => mkdtemp(join(tmpdir(), 'lucid-identity-')),
  open: openLevelIdentityStore,
});
