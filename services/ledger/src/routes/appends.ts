import type { Identity } from '@lucid/common/http/identity';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Appender, appendEntries, appendEntry, batchReceiptOf, receiptOf } from '../domain/appending.ts';
import { decodeEntry, type PackedEntries, packBase64, requirePacked } from '../domain/packed-entries.ts';
import { hexOf } from './hex.ts';
import { implementForLogs, type ServedLogs } from './served-logs.ts';

type EntryBody = { readonly entry: string };
type BatchBody = { readonly entries: readonly string[] };

/** Appending: one entry, several, or as log clients made for Tessera do. */
export async function appendRoutes(app: FastifyInstance, { logs }: { logs: ServedLogs }): Promise<void> {
  await implementForLogs(app, logs, {
    appendEntry: async ({ body, query, identity, request }, { host: { log } }) => {
      const entry = Buffer.isBuffer(body) ? body : decodeEntry((body as EntryBody | undefined)?.entry ?? '');
      const { leafIndex, leafHash } = await appendEntry(log, entry, appenderOf(identity, request));
      const appended = { leafIndex, leafHash: hexOf(leafHash) };
      return query.receipt === 1 ? { ...appended, ...(await receiptOf(log, leafIndex)) } : appended;
    },
    appendEntries: async ({ body, query, identity, request }, { host: { log } }) => {
      const packed = packedOf(body);
      const { firstIndex, count } = await appendEntries(log, packed, appenderOf(identity, request));
      const receipt = query.receipt === 1 ? await batchReceiptOf(log, firstIndex, count) : undefined;
      return { firstIndex, count, ...(receipt ? { receipt } : {}) };
    },
    addEntry: async ({ body, identity, request, reply }, { host: { log } }) => {
      const entry = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
      const { leafIndex } = await appendEntry(log, entry, appenderOf(identity, request));
      return reply.type('text/plain; charset=utf-8').send(String(leafIndex));
    },
  });
}

/** A batch as JSON or as `application/x-tlog-entries`; without a body, or with an empty one, it is an empty batch. */
function packedOf(body: unknown): PackedEntries {
  if (Buffer.isBuffer(body) || body === undefined) return requirePacked(body ?? Buffer.alloc(0));
  return packBase64((body as BatchBody).entries);
}

function appenderOf(identity: Identity, { headers }: FastifyRequest): Appender {
  const key = headers['idempotency-key'];
  return typeof key === 'string' ? { identity, key } : { identity };
}
