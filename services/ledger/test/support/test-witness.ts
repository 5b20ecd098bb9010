import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { createService } from '@lucid/common/http/service';
import { loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { openWitness, type WitnessConfig } from '@lucid/ledger/witness/open-witness';
import { witnessRoutes } from '@lucid/ledger/witness/routes';
import { witnessVariables } from '@lucid/ledger/witness/variables';
import type { Witness } from '@lucid/ledger/witness/witness';
import type { FastifyInstance } from 'fastify';
import { createWitnessPem } from './witnessed-log.ts';

export type TestWitnessOptions = {
  readonly vkeys: readonly string[];
  /** Of an earlier witness; a new one, removed at the end, unless given. */
  readonly folder?: string;
  readonly pem?: string;
  readonly name?: string;
  readonly nowMs?: () => number;
  readonly perMinute?: number;
  readonly adoptStore?: boolean;
};

export interface TestWitness extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly witness: Witness;
  readonly folder: string;
}

/** A witness alone, with its own folder, driven through `app.inject` or listened on. */
export async function openTestWitness(options: TestWitnessOptions): Promise<TestWitness> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'lucid-witness-')));
  await using stack = new AsyncDisposableStack();
  if (options.folder === undefined) stack.defer(() => rm(folder, { recursive: true }));
  const now = options.nowMs ?? Date.now;
  const clock = { now, behindMs: () => 0, sleep: async () => undefined };
  const witness = await openWitness(
    {
      ...(await configOf(folder, options)),
      originHost: 'witness.test',
      dataDir: join(folder, 'data'),
      publishedDir: join(folder, 'published'),
      adoptStore: options.adoptStore ?? false,
    },
    { clock },
  );
  if (!witness) throw new Error('a witness has a key');
  stack.use(witness);
  const app = await createWitnessApp(witness.value);
  stack.defer(() => app.close());
  const owned = stack.move();
  return { app, witness: witness.value, folder, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function configOf(folder: string, options: TestWitnessOptions): Promise<WitnessConfig> {
  const keyPath = join(folder, 'witness.key');
  const logsPath = join(folder, 'logs');
  await writeFile(keyPath, options.pem ?? createWitnessPem(), { mode: 0o600 });
  await writeFile(logsPath, ['logs/v0', ...options.vkeys.map((vkey) => `vkey ${vkey}`), ''].join('\n'));
  return loadConfig(witnessVariables, {
    LEDGER_WITNESS_KEY_FILE: keyPath,
    LEDGER_WITNESS_LOGS_FILE: logsPath,
    LEDGER_WITNESS_NAME: options.name ?? 'witness.test/w',
    LEDGER_WITNESS_CHECKPOINTS_PER_MINUTE: String(options.perMinute ?? 100_000),
  });
}

/** The witness's routes alone. */
export async function createWitnessApp(witness: Witness | undefined): Promise<FastifyInstance> {
  const logger = createLogger({ name: 'ledger', level: 'silent' });
  const app = await createService({ api: ledgerApi, version: '0', logger, checkResponses: true });
  await app.register(witnessRoutes, { witness });
  return app;
}
