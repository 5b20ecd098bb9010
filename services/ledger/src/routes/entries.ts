import { ledgerApi } from '@lucid/common/apis/ledger';
import { parseBase64, parseHex } from '@lucid/common/formats/bytes';
import { leafHash } from '@lucid/common/formats/merkle';
import type { Identity } from '@lucid/common/http/identity';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { entryNotFound, getEntry, getEntryByHash, requireEntry, requireWriter } from '../domain/entries.ts';
import type { AppendRequest, Log } from '../domain/log.ts';
import type { LogHost } from '../domain/log-host.ts';
import { encodeReceipt } from '../domain/proofs.ts';
import { ledgerError } from '../errors.ts';

const cursors = cursorCodec('ledger.entries@1', ['integer']);
/** An entry at an index never changes. */
const immutable = 'public, max-age=31536000, immutable';

/** Appending, and reading entries and their receipts. */
export async function entryRoutes(app: FastifyInstance, { host }: { host: LogHost }): Promise<void> {
  await implement(app, ledgerApi, {
    appendEntry: async ({ body, query, identity, request }) => {
      const entry = requireEntry(
        Buffer.isBuffer(body) ? body : parseEntry((body as { entry?: string })?.entry ?? '', ''),
      );
      const [appended] = await append(host.log, [entry], query.receipt === 1, identity, request);
      return appended as Appended;
    },
    appendEntries: async ({ body, query, identity, request }) => {
      const entries = body.entries.map((text, index) => requireEntry(parseEntry(text, `/${index}`)));
      return { items: await append(host.log, entries, query.receipt === 1, identity, request) };
    },
    listEntries: async ({ query }) => {
      const { log } = host;
      const from = query.cursor === undefined ? (query.from ?? 0) : cursors.decode(query.cursor)[0];
      const count = Math.max(0, Math.min(query.limit ?? 50, log.treeSize - from));
      const entries = await log.store.readEntries(from, count);
      const items = entries.map((entry, offset) => view(from + offset, entry));
      if (from + count >= log.treeSize) return { items };
      return { items, next: cursors.encode([from + count]) };
    },
    getEntry: async ({ params, reply }) => {
      const { leafIndex, entry } = await getEntry(host.log, params.leafIndex);
      reply.header('cache-control', immutable);
      return view(leafIndex, entry);
    },
    findEntryByHash: async ({ params }) => {
      const { leafIndex, entry } = await getEntryByHash(host.log, parseHex(params.leafHash, 32));
      return view(leafIndex, entry);
    },
    getReceipt: async ({ params: { leafIndex }, reply }) => {
      const { log } = host;
      if (leafIndex >= log.treeSize) throw entryNotFound(`The log has ${log.treeSize} entries, none at ${leafIndex}`);
      const checkpoint = await log.publishedFor(leafIndex + 1);
      reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache');
      return reply.send(encodeReceipt(log.tree, leafIndex, checkpoint));
    },
  });
}

type Appended = { leafIndex: number; leafHash: string; treeSize?: number; receipt?: string };

async function append(
  log: Log,
  entries: readonly Uint8Array[],
  withReceipt: boolean,
  identity: Identity,
  request: FastifyRequest,
): Promise<Appended[]> {
  for (const entry of entries) requireWriter(entry, identity);
  const { firstIndex, leafHashes } = await log.append({ entries, ...keyOf(identity.subject, request) });
  const appended = leafHashes.map((hash, offset) => ({ leafIndex: firstIndex + offset, leafHash: hexOf(hash) }));
  if (!withReceipt) return appended;
  const checkpoint = await log.publishedFor(firstIndex + entries.length);
  return appended.map((item) => ({
    ...item,
    treeSize: checkpoint.treeSize,
    receipt: encodeReceipt(log.tree, item.leafIndex, checkpoint),
  }));
}

function keyOf(subject: string, request: FastifyRequest): Pick<AppendRequest, 'key'> {
  const text = request.headers['idempotency-key'];
  return typeof text === 'string' ? { key: { subject, text } } : {};
}

function parseEntry(text: string, pointer: string): Uint8Array {
  try {
    return parseBase64(text);
  } catch (cause) {
    throw ledgerError('REQUEST_INVALID', 'An entry is not canonical base64', {
      cause,
      errors: [{ pointer: pointer === '' ? '/entry' : `/entries${pointer}`, detail: 'must be base64 with padding' }],
    });
  }
}

/** As `toHex`, at the engine's speed. */
function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

function view(leafIndex: number, entry: Uint8Array) {
  return { leafIndex, leafHash: hexOf(leafHash(entry)), entry: Buffer.from(entry).toString('base64') };
}
