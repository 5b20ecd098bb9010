import { packedEntriesType } from '@lucid/common/apis/ledger-schemas';
import { parseHex } from '@lucid/common/formats/bytes';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import { checkpointWithin } from '../domain/appending.ts';
import { entryNotFound, getEntry, getLeafIndex } from '../domain/entries.ts';
import type { Log } from '../domain/log.ts';
import { encodeReceipt } from '../domain/proofs.ts';
import { ledgerError } from '../errors.ts';
import { entryView } from './entry-view.ts';
import { implementForLogs, readBundle, type ServedLog, type ServedLogs } from './served-logs.ts';

const cursors = cursorCodec('ledger.entries@1', ['integer']);
/** An entry at an index never changes. */
const immutable = 'public, max-age=31536000, immutable';
const rangeDefault = 256;

/** Reading entries by index, leaf hash and key, in ranges, and their receipts. */
export async function entryRoutes(app: FastifyInstance, { logs }: { logs: ServedLogs }): Promise<void> {
  await implementForLogs(app, logs, {
    listEntries: async ({ query }, { host: { log } }) => {
      const from = query.cursor === undefined ? (query.from ?? 0) : cursors.decode(query.cursor)[0];
      const count = countFrom(log, from, query.limit ?? 50);
      const entries = await log.store.readEntries(from, count);
      const items = entries.map((entry, offset) => entryView(from + offset, entry));
      if (from + count >= log.treeSize) return { items };
      return { items, next: cursors.encode([from + count]) };
    },
    readEntries: async ({ query: { from, limit = rangeDefault }, reply }, served) => {
      const count = countFrom(served.host.log, from, limit);
      const bytes = await readPacked(served, from, count);
      // A range that the log does not fill yet will be longer tomorrow.
      reply.type(packedEntriesType).header('cache-control', count === limit ? immutable : 'no-cache');
      return reply.send(bytes);
    },
    getEntry: async ({ params, reply }, { host }) => {
      const { leafIndex, entry } = await getEntry(host.log, params.leafIndex);
      reply.header('cache-control', immutable);
      return entryView(leafIndex, entry);
    },
    findEntryByHash: async ({ params }, { host }) => {
      const { log } = host;
      const { leafIndex, entry } = await getEntry(log, await getLeafIndex(log, parseHex(params.leafHash, 32)));
      return entryView(leafIndex, entry);
    },
    findEntriesByKey: ({ query, identity, reply }, { host }) => {
      const found = host.log.findKeyed(identity.subject, query.key);
      if (!found) throw ledgerError('LEDGER_KEY_NOT_FOUND', 'You appended nothing under this Idempotency-Key');
      reply.header('cache-control', 'private, no-cache');
      return { firstIndex: found.firstIndex, count: found.count };
    },
    getReceipt: async ({ params: { leafIndex }, reply }, { host: { log } }) => {
      if (leafIndex >= log.treeSize) throw entryNotFound(`The log has ${log.treeSize} entries, none at ${leafIndex}`);
      const checkpoint = await checkpointWithin(log, leafIndex + 1);
      if (!checkpoint) {
        throw ledgerError('LEDGER_RECEIPT_PENDING', `The checkpoint over entry ${leafIndex} is not published yet`, {
          retryAfterSec: 5,
        });
      }
      reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache');
      return reply.send(encodeReceipt(log.tree, leafIndex, checkpoint));
    },
  });
}

/** How many of `limit` entries from `from` on the log has. */
function countFrom(log: Log, from: number, limit: number): number {
  return Math.max(0, Math.min(limit, log.treeSize - from));
}

/** Entries [from, from + count) as they are stored, each after its size; whole bundles by way of those kept. */
async function readPacked(served: ServedLog, from: number, count: number): Promise<Buffer> {
  const { store } = served.host.log;
  if (from % TILE_WIDTH !== 0 || count % TILE_WIDTH !== 0) {
    return Buffer.concat(await Array.fromAsync(store.readPacked(from, from + count)));
  }
  const first = from / TILE_WIDTH;
  const bundles = Array.from({ length: count / TILE_WIDTH }, (_, at) => readBundle(served, first + at, TILE_WIDTH));
  return Buffer.concat((await Promise.all(bundles)).map(({ bytes }) => bytes));
}
