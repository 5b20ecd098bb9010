import { ledgerApi } from '@lucid/common/apis/ledger';
import type { LogOperations } from '@lucid/common/apis/ledger-log';
import { defaultLogName } from '@lucid/common/apis/ledger-schemas';
import { parseEntryBundle, TILE_WIDTH } from '@lucid/common/formats/tiles';
import { type Handler, type HandlerInput, implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import type { LogHost } from '../domain/log-host.ts';
import { ledgerError } from '../errors.ts';
import { BundleCache, type EncodedBundle } from './bundle-cache.ts';

/** A log and what its routes keep beside it. */
export type ServedLog = {
  readonly name: string;
  readonly host: LogHost;
  readonly bundles: BundleCache;
  /** Whether all of it is being read anew. */
  isVerifying: boolean;
};

/** The logs of this ledger by name; the default one always is among them. */
export class ServedLogs {
  readonly #logs: ReadonlyMap<string, ServedLog>;
  readonly default: ServedLog;

  constructor(hosts: ReadonlyMap<string, LogHost>, bundleCacheBytes: number) {
    const bytesMax = Math.floor(bundleCacheBytes / Math.max(1, hosts.size));
    const serve = (name: string, host: LogHost): ServedLog => ({
      name,
      host,
      bundles: new BundleCache(bytesMax),
      isVerifying: false,
    });
    this.#logs = new Map([...hosts].map(([name, host]) => [name, serve(name, host)]));
    this.default = this.get(defaultLogName);
  }

  get all(): readonly ServedLog[] {
    return [...this.#logs.values()];
  }

  /** Throws LEDGER_LOG_NOT_FOUND. */
  get(name: string): ServedLog {
    const log = this.#logs.get(name);
    if (log) return log;
    throw ledgerError(
      'LEDGER_LOG_NOT_FOUND',
      `There is no log "${name}"; there are ${[...this.#logs.keys()].join(', ')}`,
    );
  }
}

/** An entry bundle as it is sent, by way of those kept; all its entries must be durable. */
export async function readBundle(
  { host, bundles }: ServedLog,
  index: number,
  width: number,
  takesGzip = false,
): Promise<EncodedBundle> {
  const { store } = host.log;
  return await bundles.get(`${index}/${width}`, takesGzip, async () => {
    return ownedBuffer(await store.readBundle(index, width));
  });
}

/**
 * Entries [first, end) of one bundle, durable ones, which keep no more than themselves and the rest of the bundle in
 * memory. A full bundle is read by way of those kept: who follows a log asks for what others ask for.
 */
export async function readEntriesOf(served: ServedLog, first: number, end: number): Promise<Uint8Array[]> {
  const index = Math.floor(first / TILE_WIDTH);
  if (end === (index + 1) * TILE_WIDTH) {
    const { bytes } = await readBundle(served, index, TILE_WIDTH);
    return parseEntryBundle(bytes).slice(first - index * TILE_WIDTH);
  }
  const pieces = await Array.fromAsync(served.host.log.store.readPacked(first, end));
  return parseEntryBundle(ownedBuffer(pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)));
}

/** What is kept must keep no more than itself: a bundle is often a small part of the record it was read from. */
function ownedBuffer(bytes: Uint8Array): Buffer {
  const { buffer, byteOffset, length } = bytes;
  if (buffer.byteLength === length) return Buffer.from(buffer, byteOffset, length);
  const owned = Buffer.allocUnsafeSlow(length);
  owned.set(bytes);
  return owned;
}

/** A handler that is told which log it is asked of. */
export type LogHandler<K extends keyof LogOperations> = (
  input: HandlerInput<LogOperations[K]>,
  log: ServedLog,
) => ReturnType<Handler<LogOperations[K]>>;

export type LogHandlers<K extends keyof LogOperations> = { readonly [I in K]: LogHandler<I> };

type AnyInput = HandlerInput<(typeof ledgerApi.operations)['getEntryInLog']>;
type AnyHandlers = Readonly<Record<string, (input: AnyInput) => unknown>>;

/** Registers each handler twice: at the root for the default log, and under `/logs/{log}` for any. */
export async function implementForLogs<K extends keyof LogOperations>(
  app: FastifyInstance,
  logs: ServedLogs,
  handlers: LogHandlers<K>,
): Promise<void> {
  const given = Object.entries(handlers) as [string, (input: AnyInput, log: ServedLog) => unknown][];
  const all: AnyHandlers = Object.fromEntries(
    given.flatMap(([operationId, handler]) => [
      [operationId, (input: AnyInput) => handler(input, logs.default)],
      // What is under /logs/{log} has the parameters of the same operation at the root, and `log`.
      [`${operationId}InLog`, (input: AnyInput) => handler(input, logs.get(input.params.log))],
    ]),
  );
  await implement(
    app,
    ledgerApi,
    all as unknown as Parameters<typeof implement<typeof ledgerApi.operations, never>>[2],
  );
}
