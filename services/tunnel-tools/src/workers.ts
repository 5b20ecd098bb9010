import type { ServiceContext } from '@lucid/common/runtime/run';
import { createVisitOnion } from './clients/socks-probe/visit-onion.ts';
import { TargetResolver } from './clients/target-resolver.ts';
import { TorControl } from './clients/tor-control/tor-control.ts';
import type { TunnelToolsConfig } from './config.ts';
import { DeclaredFile } from './domain/declared-file.ts';
import { Observations } from './domain/observations.ts';
import { Prober } from './domain/prober.ts';
import { Reconciler } from './domain/reconciler.ts';
import type { TunnelStore, TunnelStoreContent } from './domain/stores.ts';
import type { Tunnels } from './domain/tunnels.ts';
import type { TunnelMetrics } from './metrics.ts';
import { tunnelsFile } from './store/tunnels-file.ts';
import { Trouble } from './trouble.ts';

/** What a visit asks for; both targets answer it to anybody. */
const visitPath = '/livez';

export interface WorkerParts extends ServiceContext {
  readonly config: TunnelToolsConfig;
  readonly store: TunnelStore;
  readonly content: TunnelStoreContent;
  readonly tunnels: Tunnels;
  readonly metrics: TunnelMetrics;
}

/** What brings tor and the tunnels together: it starts when told to, and ends with the stack. */
export class Workers implements AsyncDisposable {
  readonly observations: Observations;
  readonly tor: TorControl;
  readonly targets: TargetResolver;
  readonly reconciler: Reconciler;
  readonly prober: Prober;
  /** The operator's file, where there is one. */
  readonly file: DeclaredFile | undefined;
  readonly #trouble: Trouble;

  constructor(parts: WorkerParts) {
    const { config, store, content, tunnels, metrics, logger, clock } = parts;
    this.#trouble = new Trouble(logger);
    const onTrouble = (error: unknown) => this.#trouble.report(error);
    const control = { path: config.torControlPath, cookiePath: config.torCookiePath, timeoutMs: config.torTimeoutMs };
    this.tor = new TorControl({ ...control, clock });
    this.observations = createObservations(parts, this.#trouble, (address, at) =>
      this.#trouble.watch(this.reconciler.notePublished(address, at)),
    );
    this.targets = new TargetResolver({
      urls: { gateway: config.gatewayUrl, 'openapi-gateway': config.openapiGatewayUrl },
      intervalMs: config.resolveIntervalMs,
      clock,
      onMove: () => this.reconciler.wake(),
    });
    const shared = { tunnels, tor: this.tor, observations: this.observations, store, clock, onTrouble };
    this.reconciler = new Reconciler({
      ...shared,
      targets: this.targets,
      applied: content.applied,
      intervalMs: config.reconcileIntervalMs,
      onStep: (action) => metrics.steps.inc({ action }),
    });
    this.prober = new Prober({
      ...shared,
      visit: createVisitOnion({
        proxy: { path: config.torSocksPath },
        control,
        path: visitPath,
        timeoutMs: config.probeTimeoutMs,
      }),
      intervalMs: config.probeIntervalMs,
      onProbe: (ok) => metrics.probes.inc({ outcome: ok ? 'ok' : 'failed' }),
    });
    this.file =
      config.tunnelsFile === undefined
        ? undefined
        : new DeclaredFile({
            tunnels,
            read: tunnelsFile(config.tunnelsFile),
            clock,
            intervalMs: config.reconcileIntervalMs,
            onTrouble,
          });
    tunnels.onChange(() => this.reconciler.wake());
    this.#observe(parts);
  }

  #observe({ store, metrics, logger }: WorkerParts): void {
    this.tor.observe({
      connected: () => {
        metrics.connections.inc();
        this.#trouble.watch(store.write({ events: [{ kind: 'tor.connected' }] }));
        this.reconciler.connected();
      },
      disconnected: (detail) => {
        logger.warn({ detail }, "tor's control connection is lost");
        this.#trouble.watch(store.write({ events: [{ kind: 'tor.disconnected', detail }] }));
        this.observations.setConnected(false);
      },
      upload: (address, outcome) => {
        metrics.uploads.inc({ outcome });
        this.observations.uploaded(address, outcome);
      },
    });
  }

  /** @throws TUNNELS_FILE_INVALID */
  async start(): Promise<void> {
    await this.file?.apply();
    await this.targets.resolve();
    for (const worker of this.#all()) worker.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#all().toReversed()) await worker[Symbol.asyncDispose]();
  }

  #all() {
    return [this.tor, this.targets, this.reconciler, this.prober, ...(this.file ? [this.file] : [])];
  }
}

function createObservations(
  { store, logger, clock }: WorkerParts,
  trouble: Trouble,
  onPublished: (address: string, at: number) => void,
): Observations {
  return new Observations({
    now: () => clock.now(),
    onEvent: (event) => {
      const { tunnel, kind, detail, onionAddress } = event;
      logger.info({ tunnel, kind, detail }, 'a tunnel changed its state');
      logger.debug({ tunnel, onionAddress }, 'its onion address');
      trouble.watch(store.write({ events: [event] }));
    },
    onPublished,
  });
}
