import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@lucid/common/runtime/clock';
import { GroupCommit } from '@lucid/common/storage/group-commit';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { openOutbox } from '@lucid/common/storage/outbox';
import { createLevelSessionStore, type SettlementOrder } from '../../src/store/level-session-store.ts';
import { testSessionStore } from './session-store-contract.ts';

async function openParts(folder: string) {
  const clock = systemClock();
  const records = await openLevelStore(folder);
  const writer = new GroupCommit(records);
  const seals = await openOutbox<SettlementOrder>({ store: records, prefix: 'to-ledger/', clock });
  const anchors = await openOutbox<SettlementOrder>({ store: records, prefix: 'to-chain/', clock });
  return {
    store: createLevelSessionStore({ store: records, writer, seals, anchors }),
    pending: () => ({ ledger: seals.stats.pending, chain: anchors.stats.pending }),
    close: async () => {
      await writer[Symbol.asyncDispose]();
      await records.close();
    },
  };
}

testSessionStore('the LevelDB store', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-session-store-'));
  let parts = await openParts(folder);
  return {
    get store() {
      return parts.store;
    },
    pending: () => parts.pending(),
    reopen: async () => {
      await parts.close();
      parts = await openParts(folder);
    },
    [Symbol.asyncDispose]: async () => {
      await parts.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
