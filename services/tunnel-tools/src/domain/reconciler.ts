import type { TunnelPort } from '@lucid/common/apis/tunnels-schemas';
import { isAppError } from '@lucid/common/errors';
import type { Clock } from '@lucid/common/runtime/clock';
import type { Observations } from './observations.ts';
import type { OnionSpec } from './onion-spec.ts';
import { type Plan, planOf, type Step, wantedOf } from './plan.ts';
import type { Applied, TunnelStore } from './stores.ts';
import type { TargetPlaces } from './targets.ts';
import type { Tor } from './tor.ts';
import type { Tunnels } from './tunnels.ts';

export interface ReconcilerOptions {
  readonly tunnels: Tunnels;
  readonly tor: Tor;
  readonly targets: TargetPlaces;
  readonly observations: Observations;
  readonly store: TunnelStore;
  /** What tor was last told, from the store. */
  readonly applied: ReadonlyMap<string, Applied>;
  readonly clock: Clock;
  /** How often it looks without being woken, ms. */
  readonly intervalMs: number;
  readonly onStep: (action: Step['action']) => void;
  readonly onTrouble: (error: unknown) => void;
}

/**
 * Makes tor have what is declared, again and again: at the start, when woken (a change, a new control connection, a
 * target that moved), and at its interval, so that whatever was missed is made good. A round is safe to break off
 * anywhere: what tor was told is noted after it was, and forgotten before it is taken back.
 */
export class Reconciler implements AsyncDisposable {
  readonly #options: ReconcilerOptions;
  readonly #applied: Map<string, Applied>;
  /** What tor was told since this process began, to say what a change is about. */
  readonly #told = new Map<string, OnionSpec>();
  /** What was added over this control connection, so that every upload of it is seen. */
  readonly #watched = new Set<string>();
  readonly #refused = new Set<string>();
  #hasCut = false;
  readonly #stop = new AbortController();
  #wakeUp = Promise.withResolvers<void>();
  #worker: Promise<void> | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#applied = new Map(options.applied);
  }

  start(): void {
    this.#worker ??= this.#run();
  }

  /** A control connection stands; what tor did before it was not seen. */
  connected(): void {
    this.#watched.clear();
    this.wake();
  }

  /** Has a round made soon. */
  wake(): void {
    this.#wakeUp.resolve();
  }

  /** What a round would do now. @throws TOR_UNAVAILABLE */
  async plan(): Promise<Plan> {
    const { tunnels, tor, targets, clock } = this.#options;
    const present = new Set(await tor.listOnions());
    const wanted = wantedOf(tunnels.list(), tunnels.buried, targets.places(), clock.now());
    // Whether the rest was published will never be told: it is added anew.
    const certain = [...this.#applied].filter(
      ([key, { publishedAt }]) => publishedAt !== null || this.#watched.has(key),
    );
    return planOf(wanted, { present, applied: new Map(certain) });
  }

  /** The first upload is done: kept, so that a restart of this service need not publish anew. */
  async notePublished(onionAddress: string, publishedAt: number): Promise<void> {
    const applied = this.#applied.get(onionAddress);
    if (applied) await this.#note(onionAddress, { ...applied, publishedAt });
  }

  /** One round. @throws TOR_UNAVAILABLE when tor goes away in the middle of it */
  async reconcile(): Promise<void> {
    const { tunnels, tor, observations } = this.#options;
    await tunnels.age();
    observations.sync(
      tunnels.list().flatMap(({ name, services }) =>
        services.map(({ onionAddress, retiresAt }) => ({
          tunnel: name,
          onionAddress,
          isRetiring: retiresAt !== null,
        })),
      ),
    );
    observations.setConnected(tor.isConnected);
    if (!tor.isConnected) return;
    const plan = await this.plan();
    for (const { onionAddress, reason } of plan.held) {
      if (!plan.settled.includes(onionAddress)) observations.hold(onionAddress, reason);
    }
    await this.#cutOnce(plan);
    for (const step of plan.steps) await this.#carryOut(step);
    for (const address of plan.settled) {
      observations.adopted(address, this.#applied.get(address)?.publishedAt ?? null);
    }
    await this.#exhume();
  }

  async #carryOut(step: Step): Promise<void> {
    const { tor, observations, onStep } = this.#options;
    const { onionAddress, action } = step;
    if (action !== 'add') {
      await this.#note(onionAddress, undefined);
      await tor.deleteOnion(onionAddress);
    }
    if (action === 'delete' || this.#shutsOut(step.spec)) await tor.cutVisitors(new Set([onionAddress]));
    if (action !== 'delete') {
      const key = this.#findKey(step.tunnel, onionAddress);
      if (!key) return;
      try {
        await tor.addOnion(step.spec, key);
      } catch (error) {
        return await this.#refuse(step, error);
      }
      observations.added(onionAddress);
      this.#watched.add(onionAddress);
      await this.#note(onionAddress, { digest: step.digest, publishedAt: null });
      await this.#tellMove(step.tunnel, step.spec);
      this.#refused.delete(onionAddress);
    }
    onStep(action);
  }

  /**
   * Whether somebody may be in whom the new spec does not let in, or at a target it does not lead to; what tor was told
   * before this service's restart is not known.
   */
  #shutsOut({ onionAddress, clientKeys, ports }: OnionSpec): boolean {
    const before = this.#told.get(onionAddress);
    if (!before) return true;
    const isWithdrawn = before.ports.some((old) => !ports.some((port) => isSameDoor(port, old)));
    if (isWithdrawn || clientKeys === undefined) return isWithdrawn;
    return before.clientKeys === undefined || before.clientKeys.some((key) => !clientKeys.includes(key));
  }

  /** The first round, and one after a failure, also cuts the visitors of what is gone: the last may not have come to it. */
  async #cutOnce({ steps, held, settled }: Plan): Promise<void> {
    if (this.#hasCut) return;
    const { tunnels, tor } = this.#options;
    const stays = new Set([...settled, ...steps.map(({ onionAddress }) => onionAddress)]);
    const gone = [...held.map(({ onionAddress }) => onionAddress), ...tunnels.buried];
    await tor.cutVisitors(new Set(gone.filter((address) => !stays.has(address))));
    this.#hasCut = true;
  }

  /** That tor is away ends the round; that it refuses one service is that service's matter. */
  async #refuse({ tunnel, onionAddress }: Step, error: unknown): Promise<void> {
    if (isAppError(error)) throw error;
    const detail = error instanceof Error ? error.message : String(error);
    this.#options.observations.hold(onionAddress, { code: 'TOR_REFUSED', detail: `tor refuses it: ${detail}` });
    if (this.#refused.has(onionAddress)) return;
    this.#refused.add(onionAddress);
    const event = { kind: 'tunnel.refused', onionAddress, detail } as const;
    await this.#options.store.write({ events: [tunnel === undefined ? event : { ...event, tunnel }] });
  }

  async #tellMove(tunnel: string, spec: OnionSpec): Promise<void> {
    const before = this.#told.get(spec.onionAddress);
    this.#told.set(spec.onionAddress, spec);
    const moved = spec.ports.filter((port) =>
      before?.ports.some((old) => isSameDoor(port, old) && port.address !== old.address),
    );
    if (moved.length === 0) return;
    const detail = `now at ${moved.map(({ address }) => address).join(', ')}`;
    const { onionAddress } = spec;
    await this.#options.store.write({ events: [{ kind: 'tunnel.readdressed', tunnel, onionAddress, detail }] });
  }

  /** Undefined for a service that was taken down while the round went on. */
  #findKey(name: string, onionAddress: string): Uint8Array | undefined {
    const { tunnels } = this.#options;
    const service = tunnels.find(name)?.services.find((one) => one.onionAddress === onionAddress);
    return service && tunnels.openKey(name, service).expandedKey;
  }

  async #exhume(): Promise<void> {
    const { tunnels, tor } = this.#options;
    if (tunnels.buried.size === 0) return;
    const present = new Set(await tor.listOnions());
    const gone = [...tunnels.buried].filter((address) => !present.has(address));
    if (gone.length > 0) await tunnels.exhume(gone);
  }

  async #note(onionAddress: string, applied: Applied | undefined): Promise<void> {
    await this.#options.store.write({ applied: [[onionAddress, applied]] });
    if (applied) this.#applied.set(onionAddress, applied);
    else this.#applied.delete(onionAddress);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#wakeUp = Promise.withResolvers();
      try {
        await this.reconcile();
      } catch (error) {
        // It may have ended between taking a service away and putting out its visitors.
        this.#hasCut = false;
        this.#options.onTrouble(error);
      }
      const timer = new AbortController();
      const slept = this.#options.clock
        .sleep(this.#options.intervalMs, AbortSignal.any([signal, timer.signal]))
        .catch(() => undefined);
      await Promise.race([this.#wakeUp.promise, slept]);
      timer.abort();
      await slept;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#worker;
  }
}

/** Whether both lead from one virtual port to one target, wherever that is. */
function isSameDoor(a: TunnelPort, b: TunnelPort): boolean {
  return a.virtualPort === b.virtualPort && a.target === b.target;
}
