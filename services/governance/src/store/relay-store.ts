import type { Clock } from '@lucid/common/runtime/clock';
import { createBatch, type KeyValueStore } from '@lucid/common/storage/kv';
import { type Outbox, type OutboxStats, openOutbox } from '@lucid/common/storage/outbox';
import { keySpace } from '@lucid/common/storage/prefix';
import type { RelayRecord, RelayStore } from '../domain/relay.ts';
import { decodeRecord, encodeRecord } from './record.ts';

/** By name of the job. */
const records = keySpace('r/');

/** Opens the relayer's memory; what an earlier process left is delivered once `start` is called. */
export async function openRelayStore(store: KeyValueStore, clock: Clock): Promise<LevelRelayStore> {
  // A job ends in its record, as done or refused; an error of a delivery is always one that time may heal.
  const outbox = await openOutbox<string>({ store, prefix: 'x/', clock, isPermanent: () => false, retryMaxMs: 10_000 });
  return new LevelRelayStore(store, outbox);
}

/** Records of jobs and their line, in one store: a job is in both or in neither. */
export class LevelRelayStore implements RelayStore, AsyncDisposable {
  readonly #store: KeyValueStore;
  readonly #outbox: Outbox<string>;

  constructor(store: KeyValueStore, outbox: Outbox<string>) {
    this.#store = store;
    this.#outbox = outbox;
  }

  get stats(): OutboxStats {
    return this.#outbox.stats;
  }

  find(name: string): RelayRecord | undefined {
    const value = this.#store.findSync(records.key(name));
    return value === undefined ? undefined : (decodeRecord(value) as RelayRecord);
  }

  async enqueue(name: string, record: RelayRecord): Promise<void> {
    const batch = createBatch();
    batch.put(records.key(name), encodeRecord(record));
    this.#outbox.append(batch, name);
    await this.#store.write(batch, { sync: true });
  }

  async update(name: string, record: RelayRecord): Promise<void> {
    const batch = createBatch();
    batch.put(records.key(name), encodeRecord(record));
    await this.#store.write(batch, { sync: true });
  }

  start(deliver: (name: string, signal: AbortSignal) => Promise<void>): void {
    this.#outbox.start(({ payload }, signal) => deliver(payload, signal));
  }

  /** Resolves when no job waits. */
  async idle(): Promise<void> {
    await this.#outbox.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#outbox[Symbol.asyncDispose]();
  }
}
