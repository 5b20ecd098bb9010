import { type OnionSpec, specDigest } from './onion-spec.ts';
import type { Applied } from './stores.ts';
import type { TargetPlace } from './targets.ts';
import type { OnionServiceRecord, Tunnel } from './tunnel.ts';

/** Why something is as it is: a code for programs, a sentence for people. */
export interface Reason {
  readonly code: string;
  readonly detail: string;
}

/** An onion service that is declared and cannot, or is not to, be on the network. */
export interface Held {
  readonly tunnel: string;
  readonly onionAddress: string;
  readonly reason: Reason;
  /** Whether what tor has of it is left there. */
  readonly isKept: boolean;
}

/** What the network is to look like. */
export interface Wanted {
  readonly specs: readonly { readonly tunnel: string; readonly spec: OnionSpec }[];
  readonly held: readonly Held[];
  /** Every address that is ours to take away: of tunnels, and of those that are gone. */
  readonly owned: ReadonlySet<string>;
}

/** What tor has. */
export interface Observed {
  readonly present: ReadonlySet<string>;
  /** What tor was last told, by address. It means nothing for an address that is not present. */
  readonly applied: ReadonlyMap<string, Applied>;
}

export type Step =
  | { readonly action: 'delete'; readonly onionAddress: string; readonly tunnel?: string; readonly reason: string }
  | {
      readonly action: 'add' | 'replace';
      readonly onionAddress: string;
      readonly tunnel: string;
      readonly spec: OnionSpec;
      readonly digest: string;
      readonly reason: string;
    };

export interface Plan {
  readonly steps: readonly Step[];
  readonly held: readonly Held[];
  /** Present and to be left as they are. */
  readonly settled: readonly string[];
  /** Present, not ours, and so not touched. */
  readonly foreign: readonly string[];
}

/** The onion services the tunnels ask for, at this time and with the targets where they are now. */
export function wantedOf(
  tunnels: readonly Tunnel[],
  buried: Iterable<string>,
  places: readonly TargetPlace[],
  now: number,
): Wanted {
  const specs: { tunnel: string; spec: OnionSpec }[] = [];
  const held: Held[] = [];
  const owned = new Set(buried);
  for (const tunnel of tunnels) {
    for (const service of tunnel.services) {
      owned.add(service.onionAddress);
      const wanted = wantedService(tunnel, service, places, now);
      if ('spec' in wanted) specs.push(wanted);
      else held.push(wanted);
    }
  }
  return { specs, held, owned };
}

function wantedService(
  tunnel: Tunnel,
  { onionAddress, retiresAt }: OnionServiceRecord,
  places: readonly TargetPlace[],
  now: number,
): Held | Wanted['specs'][number] {
  const hold = (code: string, detail: string, isKept = false): Held => ({
    tunnel: tunnel.name,
    onionAddress,
    reason: { code, detail },
    isKept,
  });
  if (tunnel.desired === 'stopped') return hold('TUNNEL_STOPPED', 'It is stopped.');
  if (tunnel.expiresAt !== null && tunnel.expiresAt <= now) return hold('TUNNEL_EXPIRED', 'Its time is over.');
  if (retiresAt !== null && retiresAt <= now) return hold('TUNNEL_RETIRED', 'Its grace time is over.');
  const ports: OnionSpec['ports'][number][] = [];
  for (const { virtualPort, target } of tunnel.ports) {
    const place = places.find((known) => known.target === target);
    if (place?.address === undefined) {
      const detail = `Where ${target} is cannot be found: ${place?.reason ?? 'not yet'}.`;
      // What tor was told may let in somebody whose key was revoked since.
      return hold('TARGET_UNRESOLVED', detail, !tunnel.clientAuth);
    }
    ports.push({ virtualPort, target, address: place.address });
  }
  const { powDefense, maxStreams, epoch } = tunnel;
  const spec = { onionAddress, ports, clientKeys: clientKeysOf(tunnel, now), powDefense, maxStreams, epoch };
  return { tunnel: tunnel.name, spec };
}

/** Whoever is let in, this service's own probe among them: so the list is never empty, which tor refuses. */
function clientKeysOf({ clientAuth, clients, probeKey }: Tunnel, now: number): readonly string[] | undefined {
  if (!clientAuth) return undefined;
  const valid = clients.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
  return [probeKey.publicKey, ...valid.map(({ publicKey }) => publicKey)];
}

/** What has to be told to tor so that it has what is wanted, deletions first. Nothing is told twice. */
export function planOf(wanted: Wanted, { present, applied }: Observed): Plan {
  const stays = new Set(wanted.specs.map(({ spec }) => spec.onionAddress));
  const tunnels = new Map(wanted.held.map(({ onionAddress, tunnel }) => [onionAddress, tunnel]));
  for (const { onionAddress, isKept } of wanted.held) if (isKept) stays.add(onionAddress);
  const gone = [...present].filter((address) => wanted.owned.has(address) && !stays.has(address));
  const deletions = gone.map((onionAddress): Step => {
    const tunnel = tunnels.get(onionAddress);
    const reason = tunnel === undefined ? 'it is no longer declared' : 'it is declared not to be there';
    return { action: 'delete', onionAddress, ...(tunnel === undefined ? {} : { tunnel }), reason };
  });
  const changes = wanted.specs.flatMap(({ tunnel, spec }): Step[] => {
    const { onionAddress } = spec;
    const digest = specDigest(spec);
    const step = { onionAddress, tunnel, spec, digest } as const;
    if (!present.has(onionAddress)) return [{ ...step, action: 'add', reason: 'tor does not have it' }];
    if (applied.get(onionAddress)?.digest === digest) return [];
    return [{ ...step, action: 'replace', reason: 'tor was told something else' }];
  });
  const changed = new Set(changes.map(({ onionAddress }) => onionAddress));
  const settled = [...stays].filter((address) => present.has(address) && !changed.has(address));
  const foreign = [...present].filter((address) => !wanted.owned.has(address));
  return { steps: [...deletions, ...changes], held: wanted.held, settled, foreign };
}
