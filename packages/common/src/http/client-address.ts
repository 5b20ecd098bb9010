import type { FastifyRequest } from 'fastify';
import { createAddressClassifier } from './rate-limit.ts';

/** Answers what a caller without a token is counted as: their IPv4 address, or the /64 of their IPv6 address. */
export type ClassifyClient = (request: FastifyRequest) => string;

/**
 * @param proxies addresses and ranges whose `X-Forwarded-For` is believed, separated by commas: the gateway. Of the
 * header only the last entry counts, which the nearest proxy added; those before it are the client's own words.
 */
export function createClientClassifier(proxies: string): ClassifyClient {
  const entries = proxies
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
  const isProxy = createAddressClassifier(entries);
  const classify = createAddressClassifier([]);
  return (request) => {
    const peer = request.socket.remoteAddress;
    return classify(isProxy(peer).kind === 'shared' ? (forwardedFor(request) ?? peer) : peer).key;
  };
}

function forwardedFor({ headers }: FastifyRequest): string | undefined {
  const header = headers['x-forwarded-for'];
  const text = Array.isArray(header) ? header.at(-1) : header;
  return text?.split(',').at(-1)?.trim() || undefined;
}
