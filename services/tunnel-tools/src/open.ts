import { join } from 'node:path';
import type { ServiceOptions } from '@lucid/common/http/service';
import { createTokenVerifier } from '@lucid/common/http/tokens';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import { version } from '@lucid/common/runtime/version';
import { IdempotencyStore } from '@lucid/common/storage/idempotency';
import { openLevelStore } from '@lucid/common/storage/level-store';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import type { TunnelToolsConfig } from './config.ts';
import { Tunnels } from './domain/tunnels.ts';
import { createTunnelMetrics, installMetrics } from './metrics.ts';
import { addReadiness } from './readiness.ts';
import { idempotencyPrefix } from './store/keys.ts';
import { LevelTunnelStore } from './store/level-tunnel-store.ts';
import { openVault } from './store/open-vault.ts';
import { Workers } from './workers.ts';

/** An answer is given again to a repeated request for a day. */
const answersTtlMs = 86_400_000;

/**
 * Opens tunnel-tools: the store, the vault, the workers that bring tor and the tunnels together, the app.
 * @throws TUNNELS_KEY_UNFIT, TUNNELS_KEY_WRONG, TARGET_URL_UNFIT, TUNNELS_FILE_INVALID, STORE_LOCKED, STORE_OPEN_FAILED
 */
export async function openTunnelTools(
  config: TunnelToolsConfig,
  context: ServiceContext,
  options: Pick<ServiceOptions, 'checkResponses'> = {},
): Promise<OpenService & { readonly app: FastifyInstance }> {
  await using stack = new AsyncDisposableStack();
  const { logger, clock } = context;
  const now = () => clock.now();
  const level = stack.use(await openLevelStore(join(config.dataDir, 'tunnels')));
  const vault = await openVault(level, config.tunnelsKey.reveal());
  const store = new LevelTunnelStore(level, now);
  const content = await store.load();
  const tunnels = new Tunnels({ store, content, vault, now });
  const metrics = createTunnelMetrics();
  const workers = stack.use(new Workers({ ...context, config, store, content, tunnels, metrics }));
  const { observations, tor, prober, targets, reconciler, file } = workers;
  const answers = new IdempotencyStore({ store: level, prefix: idempotencyPrefix, now, ttlMs: answersTtlMs });
  const verifyToken = createTokenVerifier({
    service: 'tunnel-tools',
    issuer: config.tokenIssuer,
    userKeys: new URL(config.jwksUrl),
  });
  const parts = { tunnels, observations, answers, tor, prober, store, targets, reconciler, file };
  const app = await buildApp({ ...parts, version, verifyToken, logger }, options);
  stack.defer(async () => {
    await app.close();
  });
  installMetrics(app, metrics, parts);
  addReadiness(app, { level, tor, tunnels, observations });
  await workers.start();
  const owned = stack.move();
  return { app, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
