import { AppError } from '../errors.ts';

/** Whether the address is of an onion service, whose name only tor can reach and no resolver may see. */
function isOnionUrl(url: string): boolean {
  return URL.parse(url)?.hostname.replace(/\.+$/, '').endsWith('.onion') ?? false;
}

/**
 * Refuses to look up an onion name: Node's own `fetch` would ask the resolver, which then knows who is visited. A
 * browser's is left to the browser; Tor Browser reaches onion services by itself.
 * @throws ONION_NEEDS_SOCKS
 */
export function verifyReachable(url: string, fetch: typeof globalThis.fetch | undefined): void {
  if (fetch !== undefined || !isOnionUrl(url) || !('process' in globalThis)) return;
  const detail = 'An onion address is reached through tor only; name its SOCKS port.';
  throw new AppError('ONION_NEEDS_SOCKS', detail, { status: 400 });
}
