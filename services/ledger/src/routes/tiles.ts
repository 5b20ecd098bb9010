import { ledgerApi } from '@lucid/common/apis/ledger';
import { encodeEntryBundle, parseTilePath, TILE_WIDTH, type TileId, tileWidth } from '@lucid/common/formats/tiles';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import type { Log } from '../domain/log.ts';
import type { LogHost } from '../domain/log-host.ts';
import { ledgerError } from '../errors.ts';

/** The static face of the log: checkpoint, tiles and entry bundles (c2sp.org/tlog-tiles). */
export async function tileRoutes(app: FastifyInstance, { host }: { host: LogHost }): Promise<void> {
  await implement(app, ledgerApi, {
    getCheckpoint: ({ reply }) => {
      reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache');
      return reply.send(host.log.published.note);
    },
    getTile: async ({ params, reply }) => {
      const { log } = host;
      const tile = requireTile(log, `tile/${params['*']}`);
      const bytes = await readTile(log, tile);
      reply.type('application/octet-stream').header('cache-control', 'public, max-age=31536000, immutable');
      return reply.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    },
  });
}

/** A tile of the published tree; an older, narrower one of a tile that has grown is still given. */
function requireTile(log: Log, path: string): TileId {
  const tile = parseOrUndefined(path);
  if (tile && tile.width <= tileWidth(tile.level, tile.index, log.published.treeSize)) return tile;
  throw ledgerError('LEDGER_TILE_NOT_FOUND', 'The published log has no such tile');
}

function parseOrUndefined(path: string): TileId | undefined {
  try {
    return parseTilePath(path);
  } catch {
    return undefined;
  }
}

async function readTile(log: Log, tile: TileId): Promise<Uint8Array> {
  if (tile.level !== 'entries') return log.tree.readTile(tile.level, tile.index, tile.width);
  return encodeEntryBundle(await log.store.readEntries(tile.index * TILE_WIDTH, tile.width));
}
