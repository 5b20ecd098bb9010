import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { isNotModified } from '@lucid/common/http/conditional';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Content, type ContentCoding, chooseCoding } from '../domain/content.ts';

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);
const smallBytes = 1024;
const keptMax = 64;

export type Answer = (
  request: FastifyRequest,
  reply: FastifyReply,
  content: Content,
  cacheControl: string,
) => Promise<FastifyReply>;

/** Makes the function that answers content: tagged, conditional, compressed. Compressed forms are kept by tag. */
export function createAnswer(): Answer {
  const kept = new Map<string, Promise<Uint8Array>>();
  const compressed = (content: Content, coding: ContentCoding): Promise<Uint8Array> => {
    const key = `${coding} ${content.etag}`;
    let bytes = kept.get(key);
    if (!bytes) {
      bytes = compress(content.bytes, coding);
      if (kept.size >= keptMax) kept.delete(kept.keys().next().value ?? '');
      kept.set(key, bytes);
    }
    return bytes;
  };
  return async (request, reply, content, cacheControl) => {
    const coding = content.bytes.length < smallBytes ? 'identity' : chooseCoding(request.headers['accept-encoding']);
    // Each coding is another representation with a tag of its own (RFC 9110 §8.8.3.3).
    const etag = coding === 'identity' ? content.etag : content.etag.replace(/"$/, `-${coding}"`);
    reply.header('etag', etag).header('cache-control', cacheControl).header('vary', 'Accept-Encoding');
    if (isNotModified(request.headers['if-none-match'], etag)) return reply.code(304).send();
    if (coding !== 'identity') reply.header('content-encoding', coding);
    const bytes = coding === 'identity' ? content.bytes : await compressed(content, coding);
    return reply.type(content.type).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  };
}

async function compress(bytes: Uint8Array, coding: ContentCoding): Promise<Uint8Array> {
  if (coding === 'gzip') return await compressGzip(bytes);
  return await compressBrotli(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 6, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}
