import { Readable } from 'node:stream';
import { commonError } from '@lucid/common/apis/error-factory';
import type { FastifyRequest } from 'fastify';
import type { ChunkBody } from '../domain/receive-chunk.ts';

/**
 * The request's body as it arrives. The stream is left open when the reader stops early, so that the refusal still
 * reaches the sender; the server discards the rest.
 * @throws MEDIA_TYPE_UNSUPPORTED for a body that was taken as something else; REQUEST_TIMEOUT while reading
 */
export function readUpload(request: FastifyRequest, body: unknown, idleMs: number): ChunkBody {
  if (!(body instanceof Readable)) {
    throw commonError('MEDIA_TYPE_UNSUPPORTED', 'A chunk is sent as application/octet-stream.');
  }
  const length = request.headers['content-length'];
  return {
    content: withIdleLimit(body.iterator({ destroyOnReturn: false }), idleMs),
    size: length === undefined ? undefined : Number(length),
  };
}

/** Fails when nothing arrives for a while: a sender that stopped must not keep its slot. */
async function* withIdleLimit(content: AsyncIterator<Uint8Array>, idleMs: number): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { promise: timeout, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(commonError('REQUEST_TIMEOUT', `Nothing of the chunk arrived for ${idleMs} ms.`)),
      idleMs,
    );
    try {
      const next = await Promise.race([content.next(), timeout]);
      if (next.done) return;
      yield next.value;
    } finally {
      clearTimeout(timer);
    }
  }
}
