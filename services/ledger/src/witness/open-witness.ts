import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COSIGNATURES_SIZE_MAX } from '@lucid/common/formats/add-checkpoint';
import { MemoryRateLimiter } from '@lucid/common/http/rate-limit';
import { parseSocksProxy } from '@lucid/common/http/socks';
import type { Config } from '@lucid/common/runtime/config';
import type { ServiceContext } from '@lucid/common/runtime/run';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { type CosigningIdentity, openCosigningKeys } from '../domain/cosigning-key.ts';
import { startError } from '../errors.ts';
import { Endorser } from './endorser.ts';
import { HeldClock } from './held-clock.ts';
import { parseKnownLogs } from './known-logs.ts';
import { readWitnessPolicy } from './policy-file.ts';
import { WitnessTransport } from './transport.ts';
import type { witnessVariables } from './variables.ts';
import { Witness } from './witness.ts';
import { openWitnessStore } from './witness-store.ts';

export type WitnessConfig = Config<typeof witnessVariables>;

export type WitnessPlaces = {
  readonly originHost: string;
  readonly dataDir: string;
  readonly publishedDir?: string | undefined;
  readonly adoptStore: boolean;
};

/** A resource and how it is closed. */
export type Owned<T> = { readonly value: T } & AsyncDisposable;

/**
 * What a log's checkpoints are endorsed with; undefined where no policy asks for witnesses. Each log has its own. Throws
 * LEDGER_WITNESS_POLICY_INVALID and SOCKS_ADDRESS_INVALID.
 */
export async function openEndorser(
  config: WitnessConfig,
  { clock }: Pick<ServiceContext, 'clock'>,
): Promise<Endorser | undefined> {
  const { witnessPolicy, witnessTimeoutMs: timeoutMs, witnessGraceMs: graceMs, witnessSocks } = config;
  if (witnessPolicy === undefined) return undefined;
  const socks = witnessSocks === undefined ? {} : { socks: parseSocksProxy(witnessSocks) };
  const policy = await readWitnessPolicy(witnessPolicy);
  const transport = new WitnessTransport({
    ...socks,
    socksTimeoutMs: timeoutMs,
    answerBytesMax: COSIGNATURES_SIZE_MAX,
  });
  const sleep = (ms: number, signal: AbortSignal) => clock.sleep(ms, signal);
  return new Endorser({ policy, transport, sleep, timeoutMs, graceMs });
}

/**
 * Opens the witness of this ledger; undefined without a key. Throws LEDGER_WITNESS_KEY_INVALID,
 * LEDGER_WITNESS_LOGS_INVALID, LEDGER_WITNESS_STATE_BEHIND, LEDGER_WITNESS_MARK_MISSING.
 */
export async function openWitness(
  config: WitnessConfig & WitnessPlaces,
  { clock }: Pick<ServiceContext, 'clock'>,
): Promise<Owned<Witness> | undefined> {
  if (config.witnessKey === undefined) return undefined;
  const held = new HeldClock(() => clock.now());
  const keys = openKeys(config.witnessName ?? `${config.originHost}/lucid/witness`, config.witnessKey.reveal(), held);
  const logs = await readKnownLogs(config.witnessLogs);
  const store = await openWitnessStore({
    open: () => openLevelStore(join(config.dataDir, 'witness_state')),
    sequencePath: join(config.publishedDir ?? join(config.dataDir, 'published'), 'witness.mark'),
    adoptStore: config.adoptStore,
  });
  const limiter = new MemoryRateLimiter();
  const value = new Witness({ logs, keys, store, clock: held, limiter, perMinute: config.witnessPerMinute });
  return { value, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

function openKeys(name: string, pem: string, clock: HeldClock): CosigningIdentity[] {
  try {
    return openCosigningKeys(name, pem, clock.now);
  } catch (cause) {
    throw startError('LEDGER_WITNESS_KEY_INVALID', 'Make one: openssl genpkey -algorithm ed25519.', cause);
  }
}

async function readKnownLogs(path: string | undefined): Promise<ReturnType<typeof parseKnownLogs>> {
  if (path === undefined) throw startError('LEDGER_WITNESS_LOGS_INVALID', 'LEDGER_WITNESS_LOGS_FILE is not set.');
  try {
    return parseKnownLogs(await readFile(path, 'utf8'));
  } catch (cause) {
    throw startError('LEDGER_WITNESS_LOGS_INVALID', `${path}: ${cause instanceof Error ? cause.message : ''}`, cause);
  }
}
