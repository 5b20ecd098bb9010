import type { Clock } from '@lucid/common/runtime/clock';
import { tunnelError } from '../errors.ts';
import type { Observations } from './observations.ts';
import type { Probe, ProbeOutcome, VisitOnion } from './probe.ts';
import type { TunnelStore } from './stores.ts';
import type { Tor } from './tor.ts';
import type { Tunnels } from './tunnels.ts';

export interface ProberOptions {
  readonly tunnels: Tunnels;
  readonly tor: Tor;
  readonly observations: Observations;
  readonly store: TunnelStore;
  readonly visit: VisitOnion;
  readonly clock: Clock;
  /** Between two visits of one tunnel, ms, give or take a fifth; 0: only on request. */
  readonly intervalMs: number;
  readonly onProbe: (ok: boolean) => void;
  readonly onTrouble: (error: unknown) => void;
}

/** How often it is looked which visit is due, ms. */
const lookMs = 1000;
/** A new service is visited this long after it was published, ms. */
const firstMs = 5000;
/** After a failure the next visit is not later than this, ms. */
const againMs = 60_000;
const visited: ReadonlySet<string> = new Set(['published', 'reachable', 'degraded']);

/** Visits the tunnels as strangers do: on request, and one after another from time to time. */
export class Prober implements AsyncDisposable {
  readonly #options: ProberOptions;
  readonly #running = new Map<string, Promise<Probe>>();
  /** When an address is to be visited next. */
  readonly #due = new Map<string, number>();
  readonly #stop = new AbortController();
  #worker: Promise<void> | undefined;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.intervalMs > 0) this.#worker ??= this.#run();
  }

  /**
   * Visits the current address of a tunnel and keeps what it found.
   * @throws TUNNEL_NOT_FOUND, TUNNEL_STOPPED, TUNNEL_PROBE_RUNNING, TOR_UNAVAILABLE, STORE_CLOSED
   */
  async verify(name: string, trigger: Probe['trigger']): Promise<Probe> {
    const { tor, tunnels } = this.#options;
    tunnels.getPublished(name);
    if (!tor.isConnected) throw tunnelError('TOR_UNAVAILABLE', 'tor does not answer on its control socket.');
    if (this.#running.has(name)) throw tunnelError('TUNNEL_PROBE_RUNNING', `${name} is being verified already.`);
    const probe = this.#probe(name, trigger);
    this.#running.set(name, probe);
    try {
      return await probe;
    } finally {
      this.#running.delete(name);
    }
  }

  async #probe(name: string, trigger: Probe['trigger']): Promise<Probe> {
    const { tunnels, visit, clock, store, observations, onProbe } = this.#options;
    const tunnel = tunnels.getPublished(name);
    const { services, ports } = tunnel;
    const [{ onionAddress }] = services;
    const clientKey = tunnels.openProbeKey(tunnel);
    const virtualPort = ports[0]?.virtualPort ?? 80;
    const outcome = await visit({ onionAddress, virtualPort, ...(clientKey ? { clientKey } : {}) }, this.#stop.signal);
    // Its namesake is not to have what was found of a tunnel that was taken down.
    if (tunnels.find(name)?.probeKey.publicKey !== tunnel.probeKey.publicKey) {
      throw tunnelError('TUNNEL_NOT_FOUND', `${name} was taken down while it was visited.`);
    }
    const at = clock.now();
    this.#plan(onionAddress, outcome, at);
    onProbe(outcome.ok);
    const probeId = await store.addProbe(name, { ...outcome, onionAddress, at, trigger });
    observations.probed(onionAddress, at, outcome);
    return { ...outcome, probeId, onionAddress, at, trigger };
  }

  #plan(onionAddress: string, { ok }: ProbeOutcome, now: number): void {
    const { intervalMs } = this.#options;
    const waitMs = ok ? intervalMs : Math.min(intervalMs, againMs);
    this.#due.set(onionAddress, now + waitMs * (0.8 + Math.random() * 0.4));
  }

  async #run(): Promise<void> {
    const { clock, intervalMs, onTrouble } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await clock.sleep(Math.min(lookMs, intervalMs), signal).catch(() => undefined);
      for (const name of this.#dueNow()) {
        if (signal.aborted) return;
        await this.verify(name, 'schedule').catch((error: unknown) => {
          if (!signal.aborted) onTrouble(error);
        });
      }
    }
  }

  #dueNow(): string[] {
    const { tunnels, observations, tor, clock, intervalMs } = this.#options;
    if (!tor.isConnected) return [];
    const now = clock.now();
    const addresses = new Set<string>();
    const due: string[] = [];
    for (const { name, services } of tunnels.list()) {
      const [{ onionAddress }] = services;
      addresses.add(onionAddress);
      const { state, since } = observations.find(onionAddress) ?? {};
      if (state === undefined || since === undefined || !visited.has(state)) continue;
      const at = this.#due.get(onionAddress) ?? since + Math.min(firstMs, intervalMs);
      if (at <= now && !this.#running.has(name)) due.push(name);
    }
    for (const address of this.#due.keys()) if (!addresses.has(address)) this.#due.delete(address);
    return due;
  }

  /** Gives up the visits that are under way: one may take longer than there is time to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(tunnelError('STORE_CLOSED', 'The service is closing; try again.', { retryAfterSec: 2 }));
    await this.#worker;
    await Promise.allSettled(this.#running.values());
  }
}
