import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@lucid/common/runtime/clock';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { expect, test } from 'vitest';
import { KeyVault } from '../../src/domain/key-vault.ts';
import { Observations } from '../../src/domain/observations.ts';
import { Prober } from '../../src/domain/prober.ts';
import type { Tor } from '../../src/domain/tor.ts';
import { Tunnels } from '../../src/domain/tunnels.ts';
import { LevelTunnelStore } from '../../src/store/level-tunnel-store.ts';

const clock = systemClock();
const now = () => clock.now();
const asker = { subject: 'somebody', requestId: '1' };

test('a visit that is under way does not hold up the end', async () => {
  await using level = await openLevelStore(await mkdtemp(join(tmpdir(), 'lucid-prober-')));
  const store = new LevelTunnelStore(level, now);
  const vault = new KeyVault('a secret of a test, long enough to be one');
  const tunnels = new Tunnels({ store, content: await store.load(), vault, now });
  await tunnels.create({ name: 'docs', ports: [{ target: 'openapi-gateway' }] }, asker);
  const begun = Promise.withResolvers<void>();
  const prober = new Prober({
    tunnels,
    tor: { isConnected: true } as Tor,
    observations: new Observations({ now, onEvent: () => undefined, onPublished: () => undefined }),
    store,
    // It would last for ever.
    visit: (_visit, signal) => {
      begun.resolve();
      return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    },
    clock,
    intervalMs: 0,
    onProbe: () => undefined,
    onTrouble: () => undefined,
  });
  const refused = expect(prober.verify('docs', 'request')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  await begun.promise;
  await prober[Symbol.asyncDispose]();
  await refused;
  expect(await store.listProbes('docs', { limit: 1, before: undefined })).toEqual([]);
});
