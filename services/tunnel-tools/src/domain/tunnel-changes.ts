import { commonError } from '@lucid/common/apis/error-factory';
import type { NewTunnelBody, TunnelChangeBody } from '@lucid/common/apis/tunnels-schemas';
import { tunnelError } from '../errors.ts';
import { parsePorts } from './targets.ts';
import type { ClientRecord, NewTunnelEvent, OnionServiceRecord, Tunnel } from './tunnel.ts';

const maxStreamsDefault = 256;

/**
 * A tunnel as it is first declared. The proof-of-work defence is on for tunnels that are open to all: they are what
 * strangers can flood. Where every visitor has a key it only costs them time.
 */
export function newTunnel(
  body: NewTunnelBody,
  parts: Pick<Tunnel, 'owner' | 'origin' | 'probeKey'> & { service: OnionServiceRecord; now: number },
): Tunnel {
  const { owner, origin, probeKey, service, now } = parts;
  const clientAuth = body.clientAuth ?? false;
  return {
    name: body.name,
    version: 1,
    owner,
    origin,
    desired: 'published',
    ports: parsePorts(body.ports),
    clientAuth,
    clients: [],
    powDefense: body.powDefense ?? !clientAuth,
    maxStreams: body.maxStreams ?? maxStreamsDefault,
    expiresAt: body.ttlSec === undefined ? null : now + body.ttlSec * 1000,
    services: [service],
    probeKey,
    epoch: 0,
    createdAt: now,
    updatedAt: now,
  };
}

/** The next version of a tunnel. */
export function revise(tunnel: Tunnel, change: Partial<Tunnel>, now: number): Tunnel {
  return { ...tunnel, ...change, version: tunnel.version + 1, updatedAt: now };
}

/** @throws TUNNEL_TARGET_REFUSED, TUNNEL_PORT_REPEATED, REQUEST_INVALID */
export function changeTunnel(tunnel: Tunnel, change: TunnelChangeBody, now: number): Tunnel {
  const { ports, ttlSec, ...rest } = change;
  const isOver = tunnel.expiresAt !== null && tunnel.expiresAt <= now;
  if (isOver && change.desired === 'published' && ttlSec === undefined) {
    const errors = [{ pointer: '/body/ttlSec', detail: 'is missing' }];
    throw commonError('REQUEST_INVALID', 'Its time is over: say until when, or null for ever.', { errors });
  }
  const until = ttlSec === undefined ? {} : { expiresAt: ttlSec === null ? null : now + ttlSec * 1000 };
  return revise(tunnel, { ...rest, ...(ports ? { ports: parsePorts(ports) } : {}), ...until }, now);
}

/** The tunnel with a new address before the old one. @throws TUNNEL_ROTATION_RUNNING */
export function rotateTunnel(tunnel: Tunnel, service: OnionServiceRecord, graceMs: number, now: number): Tunnel {
  const [current, ...older] = tunnel.services;
  if (older.length > 0) {
    throw tunnelError('TUNNEL_ROTATION_RUNNING', 'The address before the current one is still on the network.');
  }
  const retiring = graceMs > 0 ? [{ ...current, retiresAt: now + graceMs }] : [];
  return revise(tunnel, { services: [service, ...retiring] }, now);
}

/** What time has done to a tunnel. */
export interface Aged {
  readonly tunnel: Tunnel;
  /** Addresses whose grace time is over. */
  readonly retired: readonly string[];
  readonly expiredClients: readonly ClientRecord[];
  readonly events: readonly NewTunnelEvent[];
}

/** The tunnel without what is over; undefined while nothing is. */
export function ageTunnel(tunnel: Tunnel, now: number): Aged | undefined {
  const isOver = (at: number | null): boolean => at !== null && at <= now;
  const [current, ...older] = tunnel.services;
  const retired = older.filter(({ retiresAt }) => isOver(retiresAt)).map(({ onionAddress }) => onionAddress);
  const expiredClients = tunnel.clients.filter(({ expiresAt }) => isOver(expiresAt));
  const hasExpired = tunnel.desired === 'published' && isOver(tunnel.expiresAt);
  if (retired.length === 0 && expiredClients.length === 0 && !hasExpired) return undefined;
  const { name } = tunnel;
  const events: NewTunnelEvent[] = [
    ...retired.map((onionAddress) => ({ kind: 'tunnel.retired', tunnel: name, onionAddress }) as const),
    ...expiredClients.map((client) => ({ kind: 'client.expired', tunnel: name, detail: client.name }) as const),
    ...(hasExpired ? [{ kind: 'tunnel.expired', tunnel: name } as const] : []),
  ];
  const change: Partial<Tunnel> = {
    services: [current, ...older.filter(({ retiresAt }) => !isOver(retiresAt))],
    clients: tunnel.clients.filter((client) => !expiredClients.includes(client)),
    ...(hasExpired ? { desired: 'stopped' } : {}),
  };
  return { tunnel: revise(tunnel, change, now), retired, expiredClients, events };
}
