import type { FastifyReply } from 'fastify';
import type { AnswerSink } from '../domain/answer-sink.ts';
import type { Header } from '../domain/headers.ts';

/** Writes an answer to the client's connection as it comes, under the reply's own headers. */
export function replySink(reply: FastifyReply): AnswerSink {
  const { raw } = reply;
  let isBegun = false;
  return {
    start: (status, headers) => {
      const merged = mergeHeaders(reply, headers);
      reply.hijack();
      // Of a client that is gone nothing is written; the exchange learns of it from the connection.
      if (raw.destroyed) return;
      raw.writeHead(status, merged.flat());
      // The head goes with the first bytes in one packet; when none come now, as with events, it goes alone.
      setImmediate(() => isBegun || raw.destroyed || raw.flushHeaders());
    },
    write: (chunk) => {
      isBegun = true;
      return raw.write(chunk);
    },
    onDrain: (resume) => void raw.once('drain', resume),
    end: () => {
      isBegun = true;
      raw.end();
    },
    abort: () => void raw.destroy(),
  };
}

/** The gateway's headers win over the upstream's of the same name; `Vary` is of both. */
function mergeHeaders(reply: FastifyReply, headers: readonly Header[]): Header[] {
  const own = Object.entries(reply.getHeaders()).map(([name, value]): Header => [name, String(value)]);
  const ownNames = new Set(own.map(([name]) => name));
  return [...own, ...headers.filter(([name]) => name.toLowerCase() === 'vary' || !ownNames.has(name.toLowerCase()))];
}
