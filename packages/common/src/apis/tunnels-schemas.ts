import Type, { type Static } from 'typebox';
import { strictObject, Timestamp } from './schemas.ts';

/** The services an onion service may lead to. The list is code: no configuration adds to it. */
export const tunnelTargets = ['gateway', 'openapi-gateway'] as const;
export type TunnelTarget = (typeof tunnelTargets)[number];

/** What a tunnel may have at most. */
export const tunnelLimits = {
  /** Tunnels of one platform. */
  tunnels: 32,
  /** Ports of one tunnel. */
  ports: 8,
  /** People who may be let in to one tunnel. */
  clients: 64,
  /** Streams of one visitor's circuit at once. */
  maxStreams: 65_535,
  /** Life of a tunnel or of a client's key, seconds: a year. */
  ttlSec: 31_536_000,
  /** Grace time of a rotation, seconds: 90 days. */
  graceSec: 7_776_000,
} as const;

/** Grace time of a rotation unless given, seconds: 7 days. */
export const defaultGraceSec = 604_800;

export const TunnelName = Type.String({
  pattern: '^[a-z][a-z0-9-]{0,31}$',
  description: '1 to 32 of a-z, 0-9, hyphen, starting with a letter',
});
export const OnionAddress = Type.String({
  pattern: '^[a-z2-7]{56}\\.onion$',
  description: 'Version 3 onion address (rend-spec-v3)',
});
export const TunnelClientId = Type.String({ pattern: '^[0-9a-f]{16}$' });

const PortNumber = Type.Integer({ minimum: 1, maximum: 65_535 });
const NewTunnelPort = strictObject({
  virtualPort: Type.Optional({ ...PortNumber, default: 80, description: 'What visitors dial; 80 unless given' }),
  target: Type.String({
    minLength: 1,
    maxLength: 256,
    description: `The service it leads to, by name: ${tunnelTargets.join(' or ')}. Everything else is refused.`,
  }),
});
const NewTunnelPorts = Type.Array(NewTunnelPort, { minItems: 1, maxItems: tunnelLimits.ports });
export const TunnelPort = strictObject({ virtualPort: PortNumber, target: Type.Enum(tunnelTargets) });
export type TunnelPort = Static<typeof TunnelPort>;

const ClientAuth = Type.Boolean({
  description: 'Whether a visitor needs a key of their own: without one the address shows nothing at all',
});
const PowDefense = Type.Boolean({
  description: 'Whether visitors prove work when the service is crowded (tor’s proof-of-work defence)',
});
const MaxStreams = Type.Integer({
  minimum: 0,
  maximum: tunnelLimits.maxStreams,
  description: 'Streams one visitor’s circuit may have open at once; the circuit that passes it is closed. 0: no limit',
});
const TtlSec = Type.Integer({ minimum: 1, maximum: tunnelLimits.ttlSec, description: 'Seconds from now' });
const Desired = Type.Enum(['published', 'stopped'], {
  description: '`stopped` takes it off the network and keeps its key, so that it comes back under the same address',
});

export const NewTunnel = strictObject({
  name: TunnelName,
  ports: NewTunnelPorts,
  clientAuth: Type.Optional({ ...ClientAuth, default: false }),
  powDefense: Type.Optional({ ...PowDefense, description: 'On unless `clientAuth` is; see Tunnel' }),
  maxStreams: Type.Optional({ ...MaxStreams, default: 256 }),
  ttlSec: Type.Optional({ ...TtlSec, description: 'Seconds until it stops by itself; without it, never' }),
  secretKey: Type.Optional(
    Type.String({
      minLength: 128,
      maxLength: 128,
      description: 'Base64 of an `hs_ed25519_secret_key` file (96 bytes), to bring an address along',
    }),
  ),
});
export type NewTunnelBody = Static<typeof NewTunnel>;

const { name, ports, clientAuth, powDefense, maxStreams } = NewTunnel.properties;
/** What the operator's file says: the tunnels of a platform that are always there. */
export const DeclaredTunnels = strictObject({
  tunnels: Type.Array(strictObject({ name, ports, clientAuth, powDefense, maxStreams }), {
    maxItems: tunnelLimits.tunnels,
  }),
});
export type DeclaredTunnel = Static<typeof DeclaredTunnels>['tunnels'][number];

export const TunnelChange = strictObject({
  desired: Type.Optional(Desired),
  ports: Type.Optional(NewTunnelPorts),
  clientAuth: Type.Optional(ClientAuth),
  powDefense: Type.Optional(PowDefense),
  maxStreams: Type.Optional(MaxStreams),
  ttlSec: Type.Optional(Type.Union([TtlSec, Type.Null()], { description: 'From now; null: never' })),
});
export type TunnelChangeBody = Static<typeof TunnelChange>;

export const tunnelStates = ['absent', 'publishing', 'published', 'reachable', 'degraded', 'retiring'] as const;
export const TunnelState = Type.Enum(tunnelStates, {
  description:
    '`absent`: not on the network, `reason` says why. `publishing`: its descriptor is being uploaded. `published`: ' +
    'uploaded, not probed since. `reachable`: the last probe reached it. `degraded`: three probes in a row failed. ' +
    '`retiring`: on the network until `retiresAt`, beside its successor.',
});
export type TunnelState = Static<typeof TunnelState>;

export const Reason = strictObject({
  code: Type.String({ description: 'Stable; programs decide on this' }),
  detail: Type.String({ description: 'For people; may change' }),
});
const ProbeStep = strictObject({
  name: Type.String({ description: 'Such as `descriptor`, `connect`, `http`' }),
  ms: Type.Number({ minimum: 0 }),
  ok: Type.Boolean(),
  code: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
});
export const Probe = strictObject({
  probeId: Type.Integer({ minimum: 1, description: 'Counts up, per tunnel' }),
  onionAddress: OnionAddress,
  at: Timestamp,
  ok: Type.Boolean(),
  ms: Type.Number({ minimum: 0, description: 'All steps together' }),
  trigger: Type.Enum(['request', 'schedule']),
  steps: Type.Array(ProbeStep),
});
export type ProbeView = Static<typeof Probe>;

const Count = Type.Integer({ minimum: 0 });
const OnionService = strictObject({
  onionAddress: OnionAddress,
  role: Type.Enum(['current', 'retiring']),
  state: TunnelState,
  since: Timestamp,
  reason: Type.Optional(Reason),
  uploads: strictObject(
    { requested: Count, uploaded: Count, failed: Count },
    { description: 'Of the descriptor, to the directories, since it was last added' },
  ),
  lastProbe: Type.Optional(strictObject({ at: Timestamp, ok: Type.Boolean(), ms: Type.Number({ minimum: 0 }) })),
  createdAt: Timestamp,
  successor: Type.Optional(OnionAddress),
  retiresAt: Type.Optional(Timestamp),
});

export const Tunnel = strictObject({
  name: TunnelName,
  version: Type.Integer({ minimum: 1, description: 'Counts up with every change; in quotes, its ETag' }),
  owner: Type.String({ description: 'Who declared it: a user id, or `file`' }),
  origin: Type.Enum(['api', 'file'], {
    description: '`file`: the operator’s file declares it, and only the file changes it',
  }),
  desired: Desired,
  ports: Type.Array(TunnelPort),
  clientAuth: ClientAuth,
  clientCount: Count,
  powDefense: PowDefense,
  maxStreams: MaxStreams,
  expiresAt: Type.Union([Timestamp, Type.Null()]),
  onionAddress: OnionAddress,
  state: TunnelState,
  services: Type.Array(OnionService, { description: 'The current one first; one that retires after it' }),
  createdAt: Timestamp,
  updatedAt: Timestamp,
});
export type TunnelView = Static<typeof Tunnel>;
export type OnionServiceView = TunnelView['services'][number];

export const Rotation = strictObject({
  graceSec: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: tunnelLimits.graceSec,
      default: defaultGraceSec,
      description: 'How long the old address stays on the network beside the new one, seconds; 7 days unless given',
    }),
  ),
});

export const NewTunnelClient = strictObject({
  name: Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9 ._-]+$', description: 'Whose key it is' }),
  ttlSec: Type.Optional({ ...TtlSec, description: 'Seconds until the key stops working; without it, never' }),
  publicKey: Type.Optional(
    Type.String({
      pattern: '^[A-Z2-7]{52}$',
      description: 'x25519 public key (base32) of a pair made by the client; without it a pair is made here',
    }),
  ),
});
export type NewTunnelClientBody = Static<typeof NewTunnelClient>;

const clientFields = {
  clientId: TunnelClientId,
  name: Type.String(),
  publicKey: Type.String({ description: 'x25519, base32' }),
  createdAt: Timestamp,
  expiresAt: Type.Union([Timestamp, Type.Null()]),
};
export const TunnelClient = strictObject(clientFields);
export type TunnelClientView = Static<typeof TunnelClient>;
export const CreatedTunnelClient = strictObject({
  ...clientFields,
  authPrivate: Type.Optional(
    Type.String({
      description:
        'The line of an `.auth_private` file, `<address>:descriptor:x25519:<private key>`: shown this once, kept ' +
        'nowhere. Absent when the client brought its own public key',
    }),
  ),
});

export const ExportConfirmation = strictObject({
  confirm: Type.String({ maxLength: 64, description: 'The name of the tunnel, again: its key leaves the service' }),
});
export const ExportedKey = strictObject({
  onionAddress: OnionAddress,
  secretKey: Type.String({ description: 'Base64 of tor’s `hs_ed25519_secret_key` file (96 bytes)' }),
  publicKey: Type.String({ description: 'Base64 of tor’s `hs_ed25519_public_key` file (64 bytes)' }),
});

export const tunnelEventKinds = [
  'tunnel.created',
  'tunnel.changed',
  'tunnel.deleted',
  'tunnel.expired',
  'tunnel.rotated',
  'tunnel.retired',
  'tunnel.refreshed',
  'tunnel.published',
  'tunnel.withdrawn',
  'tunnel.reachable',
  'tunnel.degraded',
  'tunnel.readdressed',
  'tunnel.refused',
  'key.exported',
  'client.created',
  'client.revoked',
  'client.expired',
  'tor.connected',
  'tor.disconnected',
] as const;
export const TunnelEvent = strictObject({
  eventId: Type.Integer({ minimum: 1, description: 'Counts up; later events have greater ones' }),
  at: Timestamp,
  kind: Type.Enum(tunnelEventKinds),
  tunnel: Type.Optional(TunnelName),
  onionAddress: Type.Optional(OnionAddress),
  by: Type.Optional(Type.String({ description: 'Who asked for it; absent for what happened by itself' })),
  requestId: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
});
export type TunnelEventView = Static<typeof TunnelEvent>;

const PlannedStep = strictObject({
  action: Type.Enum(['add', 'replace', 'delete']),
  onionAddress: OnionAddress,
  tunnel: Type.Optional(TunnelName),
  reason: Type.String(),
});
export const TunnelPlan = strictObject({
  steps: Type.Array(PlannedStep, { description: 'What would be told to tor now; empty when all is as declared' }),
  held: Type.Array(strictObject({ tunnel: TunnelName, onionAddress: OnionAddress, reason: Reason }), {
    description: 'What is declared and is not on the network, and why',
  }),
  foreign: Type.Array(OnionAddress, { description: 'Onion services of this tor that are not ours: left alone' }),
});

export const TorStatus = strictObject({
  isConnected: Type.Boolean({ description: 'Whether the control connection stands' }),
  since: Timestamp,
  reason: Type.Optional(Type.String({ description: 'Why it does not' })),
  version: Type.Optional(Type.String()),
  isVersionSafe: Type.Optional(
    Type.Boolean({ description: 'At least 0.4.9.11, and not obsolete or unrecommended by tor’s own directories' }),
  ),
  versionStatus: Type.Optional(Type.String({ description: 'What tor’s directories say of its version' })),
  bootstrap: Type.Optional(
    strictObject({
      progress: Type.Integer({ minimum: 0, maximum: 100 }),
      tag: Type.String(),
      summary: Type.String(),
      warning: Type.Optional(Type.String()),
    }),
  ),
  isCircuitEstablished: Type.Optional(Type.Boolean()),
  isNetworkLive: Type.Optional(Type.Boolean()),
  circuitCount: Type.Optional(Count),
  clockSkewSec: Type.Optional(Type.Number({ description: 'What tor last said of this machine’s clock' })),
});
export type TorStatusView = Static<typeof TorStatus>;

export const TunnelToolsStatus = strictObject({
  service: Type.Literal('tunnel-tools'),
  version: Type.String(),
  tor: TorStatus,
  tunnels: strictObject({ declared: Count, onNetwork: Count, degraded: Count }),
  file: Type.Optional(
    strictObject(
      {
        readAt: Type.Optional(Timestamp),
        problem: Type.Optional(Type.String({ description: 'Why it is not obeyed as it is now' })),
      },
      { description: 'The operator’s file of tunnels, where there is one' },
    ),
  ),
  targets: Type.Array(
    strictObject({
      target: Type.Enum(tunnelTargets),
      address: Type.Optional(Type.String({ description: 'Where it is reached now: IP and port' })),
      reason: Type.Optional(Type.String({ description: 'Why its name does not resolve' })),
    }),
  ),
});
