import type {
  OnionServiceView,
  ProbeView,
  TunnelClientView,
  TunnelEventView,
  TunnelView,
} from '@lucid/common/apis/tunnels-schemas';
import { formatTime } from '@lucid/common/runtime/clock';
import { type Observations, totalMs } from '../domain/observations.ts';
import type { Probe } from '../domain/probe.ts';
import type { ClientRecord, OnionServiceRecord, Tunnel, TunnelEvent } from '../domain/tunnel.ts';

// What admins see of what is stored: never a key, sealed or not.

const orNull = (ms: number | null): string | null => (ms === null ? null : formatTime(ms));

export function toTunnelView(tunnel: Tunnel, observations: Observations): TunnelView {
  const { name, version, owner, origin, desired, clientAuth, powDefense, maxStreams, services, clients } = tunnel;
  const [current] = services;
  const views = services.map((service) => toServiceView(service, current, tunnel, observations));
  return {
    name,
    version,
    owner,
    origin,
    desired,
    ports: tunnel.ports.map((port) => ({ ...port })),
    clientAuth,
    clientCount: clients.length,
    powDefense,
    maxStreams,
    expiresAt: orNull(tunnel.expiresAt),
    onionAddress: current.onionAddress,
    state: views[0]?.state ?? 'absent',
    services: views,
    createdAt: formatTime(tunnel.createdAt),
    updatedAt: formatTime(tunnel.updatedAt),
  };
}

function toServiceView(
  service: OnionServiceRecord,
  current: OnionServiceRecord,
  { updatedAt }: Tunnel,
  observations: Observations,
): OnionServiceView {
  const { onionAddress, retiresAt, createdAt } = service;
  const seen = observations.find(onionAddress);
  const reason = seen ? seen.reason : { code: 'TUNNEL_PENDING', detail: 'tor is about to be told.' };
  const lastProbe = seen?.lastProbe;
  return {
    onionAddress,
    role: service === current ? 'current' : 'retiring',
    state: seen?.state ?? 'absent',
    since: formatTime(seen?.since ?? updatedAt),
    ...(reason ? { reason: { ...reason } } : {}),
    uploads: { ...(seen?.uploads ?? { requested: 0, uploaded: 0, failed: 0 }) },
    ...(lastProbe ? { lastProbe: { at: formatTime(lastProbe.at), ok: lastProbe.ok, ms: lastProbe.ms } } : {}),
    createdAt: formatTime(createdAt),
    ...(service === current ? {} : { successor: current.onionAddress }),
    ...(retiresAt === null ? {} : { retiresAt: formatTime(retiresAt) }),
  };
}

export function toClientView({ clientId, name, publicKey, createdAt, expiresAt }: ClientRecord): TunnelClientView {
  return { clientId, name, publicKey, createdAt: formatTime(createdAt), expiresAt: orNull(expiresAt) };
}

export function toProbeView(probe: Probe): ProbeView {
  const { probeId, onionAddress, at, ok, trigger, steps } = probe;
  const views = steps.map((step) => ({ ...step }));
  return { probeId, onionAddress, at: formatTime(at), ok, ms: totalMs(steps), trigger, steps: views };
}

export function toEventView({ at, ...event }: TunnelEvent): TunnelEventView {
  return { ...event, at: formatTime(at) };
}
