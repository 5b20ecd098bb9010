import { parseTilePath, type TileId, tileWidth } from '@lucid/common/formats/tiles';
import { etagOf, isNotModified } from '@lucid/common/http/conditional';
import type { FastifyInstance } from 'fastify';
import type { Log, PublishedCheckpoint } from '../domain/log.ts';
import { ledgerError } from '../errors.ts';
import { acceptsGzip } from './bundle-cache.ts';
import { implementForLogs, readBundle, type ServedLogs } from './served-logs.ts';

const immutable = 'public, max-age=31536000, immutable';
const octets = 'application/octet-stream';

/** The tag of a checkpoint is made once, however often it is asked for. */
const checkpointTags = new WeakMap<PublishedCheckpoint, string>();

/** The static face of a log: checkpoint, tiles and entry bundles (c2sp.org/tlog-tiles). */
export async function tileRoutes(app: FastifyInstance, { logs }: { logs: ServedLogs }): Promise<void> {
  await implementForLogs(app, logs, {
    getCheckpoint: ({ headers, reply }, { host }) => {
      const { published } = host.log;
      const etag = tagOf(published);
      reply.headers({ 'cache-control': 'no-cache', etag });
      if (isNotModified(headers['if-none-match'], etag)) return reply.code(304).send();
      return reply.type('text/plain; charset=utf-8').send(published.note);
    },
    getTile: async ({ params, request, reply }, served) => {
      const { log } = served.host;
      const path = `tile/${params['*']}`;
      const tile = requireTile(log, path);
      reply.headers({ 'content-type': octets, 'cache-control': immutable });
      if (tile.level !== 'entries') return reply.send(toBuffer(log.tree.readTile(tile.level, tile.index, tile.width)));
      const { bytes, encoding } = await readBundle(
        served,
        tile.index,
        tile.width,
        acceptsGzip(request.headers['accept-encoding']),
      );
      // Two answers of one address: a cache must keep them apart.
      reply.header('vary', 'Accept-Encoding');
      if (encoding === 'gzip') reply.header('content-encoding', encoding);
      return reply.send(bytes);
    },
  });
}

function tagOf(checkpoint: PublishedCheckpoint): string {
  const known = checkpointTags.get(checkpoint);
  if (known !== undefined) return known;
  const etag = etagOf(checkpoint.note);
  checkpointTags.set(checkpoint, etag);
  return etag;
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

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
