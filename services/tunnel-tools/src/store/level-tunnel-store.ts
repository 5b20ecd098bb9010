import { decodeJson, encodeJson } from '@lucid/common/storage/json';
import { type Batch, createBatch, type KeyValueStore } from '@lucid/common/storage/kv';
import type { Probe } from '../domain/probe.ts';
import type { Applied, TunnelStore, TunnelStoreContent, TunnelWrite } from '../domain/stores.ts';
import type { NewTunnelEvent, Tunnel, TunnelEvent } from '../domain/tunnel.ts';
import { spaces } from './keys.ts';

export const eventsMax = 10_000;
export const probesMax = 200;
const none = new Uint8Array();

/** The tunnels on a key-value store, of which it is the only writer. */
export class LevelTunnelStore implements TunnelStore {
  readonly #store: KeyValueStore;
  readonly #now: () => number;
  #eventId = 0;
  readonly #probeIds = new Map<string, number>();

  constructor(store: KeyValueStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async load(): Promise<TunnelStoreContent> {
    const tunnels: Tunnel[] = [];
    for await (const [, value] of this.#store.range(spaces.tunnels.range())) tunnels.push(decodeJson<Tunnel>(value));
    const buried: string[] = [];
    for await (const [key] of this.#store.range(spaces.buried.range())) buried.push(textOf(spaces.buried.strip(key)));
    const applied = new Map<string, Applied>();
    for await (const [key, value] of this.#store.range(spaces.applied.range())) {
      applied.set(textOf(spaces.applied.strip(key)), decodeJson<Applied>(value));
    }
    const [last] = await this.listEvents({ limit: 1, before: undefined, tunnel: undefined });
    this.#eventId = last?.eventId ?? 0;
    for (const { name } of tunnels) {
      const [probe] = await this.listProbes(name, { limit: 1, before: undefined });
      this.#probeIds.set(name, probe?.probeId ?? 0);
    }
    return { tunnels, buried, applied };
  }

  async write(change: TunnelWrite): Promise<void> {
    const batch = createBatch();
    const { put, remove, bury = [], exhume = [], applied = [], events = [], also } = change;
    // Looked up before anything is numbered: from the first number to the write nothing is awaited.
    const gone = remove === undefined ? [] : await this.#probeKeys(remove);
    if (put) batch.put(spaces.tunnels.key(put.name), encodeJson(put));
    if (remove !== undefined) batch.del(spaces.tunnels.key(remove));
    for (const key of gone) batch.del(key);
    for (const address of bury) batch.put(spaces.buried.key(address), none);
    for (const address of exhume) {
      batch.del(spaces.buried.key(address));
      batch.del(spaces.applied.key(address));
    }
    for (const [address, value] of applied) {
      if (value) batch.put(spaces.applied.key(address), encodeJson(value));
      else batch.del(spaces.applied.key(address));
    }
    for (const event of events) this.#addEvent(batch, event);
    also?.(batch);
    if (batch.operations.length === 0) return;
    await this.#store.write(batch, { sync: true });
    if (remove !== undefined) this.#probeIds.delete(remove);
  }

  async addProbe(tunnel: string, probe: Omit<Probe, 'probeId'>): Promise<number> {
    const probeId = (this.#probeIds.get(tunnel) ?? 0) + 1;
    this.#probeIds.set(tunnel, probeId);
    const batch = createBatch();
    batch.put(spaces.probes.key(tunnel, '/', probeId), encodeJson({ ...probe, probeId }));
    if (probeId > probesMax) batch.del(spaces.probes.key(tunnel, '/', probeId - probesMax));
    await this.#store.write(batch, { sync: true });
    return probeId;
  }

  async listEvents(options: { limit: number; before: number | undefined; tunnel: string | undefined }) {
    const { limit, before, tunnel } = options;
    const { gte, lt } = spaces.events.range();
    const end = before === undefined ? lt : spaces.events.key(before);
    const found: TunnelEvent[] = [];
    for await (const [, value] of this.#store.range({ gte, lt: end, reverse: true })) {
      const event = decodeJson<TunnelEvent>(value);
      if (tunnel !== undefined && event.tunnel !== tunnel) continue;
      found.push(event);
      if (found.length === limit) break;
    }
    return found;
  }

  async listProbes(tunnel: string, options: { limit: number; before: number | undefined }): Promise<Probe[]> {
    const { limit, before } = options;
    const { gte, lt } = spaces.probes.range(tunnel, '/');
    const end = before === undefined ? lt : spaces.probes.key(tunnel, '/', before);
    const found: Probe[] = [];
    for await (const [, value] of this.#store.range({ gte, lt: end, reverse: true, limit })) {
      found.push(decodeJson<Probe>(value));
    }
    return found;
  }

  #addEvent(batch: Batch, event: NewTunnelEvent): void {
    this.#eventId += 1;
    const numbered: TunnelEvent = { ...event, eventId: this.#eventId, at: this.#now() };
    batch.put(spaces.events.key(this.#eventId), encodeJson(numbered));
    if (this.#eventId > eventsMax) batch.del(spaces.events.key(this.#eventId - eventsMax));
  }

  async #probeKeys(tunnel: string): Promise<Uint8Array[]> {
    const keys: Uint8Array[] = [];
    for await (const [key] of this.#store.range(spaces.probes.range(tunnel, '/'))) keys.push(key);
    return keys;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
