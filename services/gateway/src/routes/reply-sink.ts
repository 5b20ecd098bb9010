import type { FastifyReply } from 'fastify';
import type { AnswerSink } from '../domain/answer-sink.ts';

/** Writes an answer to the client's connection as it comes, under the reply's own headers. */
export function replySink(reply: FastifyReply): AnswerSink {
  const { raw } = reply;
  return {
    start: (status, headers) => {
      const own = Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)] as const);
      const ownNames = new Set(own.map(([name]) => name));
      const passed = headers.filter(([name]) => !ownNames.has(name.toLowerCase()));
      reply.hijack();
      // Of a client that is gone nothing is written; the exchange learns of it from the connection.
      if (raw.destroyed) return;
      raw.writeHead(status, [...own, ...passed].flat());
      raw.flushHeaders();
    },
    write: (chunk) => raw.write(chunk),
    onDrain: (resume) => void raw.once('drain', resume),
    end: () => void raw.end(),
    abort: () => void raw.destroy(),
  };
}
