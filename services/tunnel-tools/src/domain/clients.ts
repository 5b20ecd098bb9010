import { randomBytes } from 'node:crypto';
import { type NewTunnelClientBody, tunnelLimits } from '@lucid/common/apis/tunnels-schemas';
import { tunnelError } from '../errors.ts';
import { createClientKey, formatAuthPrivate, isClientPublicKey } from './client-key.ts';
import type { Asker, ClientRecord, Tunnel } from './tunnel.ts';
import { revise } from './tunnel-changes.ts';
import type { Tunnels } from './tunnels.ts';

export interface CreatedClient {
  readonly client: ClientRecord;
  /** The line of an `.auth_private` file; absent when the client brought its own public key. */
  readonly authPrivate?: string;
}

/**
 * Lets somebody in. The private key is in the answer and nowhere else.
 * @throws TUNNEL_NOT_FOUND, TUNNEL_CLIENT_AUTH_OFF, TUNNEL_CLIENT_NAME_TAKEN, TUNNEL_CLIENT_KEY_INVALID,
 * TUNNEL_CLIENT_LIMIT_REACHED
 */
export async function createClient(
  tunnels: Tunnels,
  name: string,
  body: NewTunnelClientBody,
  asker: Asker,
): Promise<CreatedClient> {
  const made = body.publicKey === undefined ? createClientKey() : undefined;
  const publicKey = made?.publicKey ?? body.publicKey ?? '';
  const clientId = randomBytes(8).toString('hex');
  const tunnel = await tunnels.revise(name, (before, now) => {
    refuseClient(before, body.name, publicKey);
    const expiresAt = body.ttlSec === undefined ? null : now + body.ttlSec * 1000;
    const client = { clientId, name: body.name, publicKey, createdAt: now, expiresAt };
    const event = { kind: 'client.created', tunnel: name, by: asker.subject, requestId: asker.requestId } as const;
    return {
      tunnel: revise(before, { clients: [...before.clients, client] }, now),
      events: [{ ...event, detail: body.name }],
    };
  });
  const client = getClient(tunnel, clientId);
  if (!made) return { client };
  return { client, authPrivate: formatAuthPrivate(tunnel.services[0].onionAddress, made.privateKey) };
}

/** Lets somebody in no more. @throws TUNNEL_NOT_FOUND, TUNNEL_CLIENT_NOT_FOUND */
export async function revokeClient(tunnels: Tunnels, name: string, clientId: string, asker: Asker): Promise<void> {
  await tunnels.revise(name, (before, now) => {
    const client = getClient(before, clientId);
    const event = { kind: 'client.revoked', tunnel: name, by: asker.subject, requestId: asker.requestId } as const;
    return {
      tunnel: revise(before, { clients: before.clients.filter((one) => one !== client) }, now),
      events: [{ ...event, detail: client.name }],
    };
  });
}

function refuseClient({ name, clientAuth, clients, probeKey }: Tunnel, clientName: string, publicKey: string): void {
  if (!clientAuth) throw tunnelError('TUNNEL_CLIENT_AUTH_OFF', `${name} is open to all; set its clientAuth first.`);
  if (clients.length >= tunnelLimits.clients) {
    throw tunnelError('TUNNEL_CLIENT_LIMIT_REACHED', `A tunnel has at most ${tunnelLimits.clients} clients.`);
  }
  if (clients.some((client) => client.name === clientName)) {
    throw tunnelError('TUNNEL_CLIENT_NAME_TAKEN', `${name} has a client ${clientName} already.`);
  }
  const isTaken = [probeKey, ...clients].some((client) => client.publicKey === publicKey);
  if (isTaken || !isClientPublicKey(publicKey)) {
    throw tunnelError('TUNNEL_CLIENT_KEY_INVALID', 'The public key cannot be used here; make a fresh pair.');
  }
}

function getClient({ name, clients }: Tunnel, clientId: string): ClientRecord {
  const client = clients.find((one) => one.clientId === clientId);
  if (!client) throw tunnelError('TUNNEL_CLIENT_NOT_FOUND', `${name} has no client ${clientId}.`);
  return client;
}
