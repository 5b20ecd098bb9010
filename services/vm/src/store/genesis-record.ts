/** The genesis configuration a chain was made of, kept with it for good. */
import { encodeCanonicalJson } from '@lucid/common/formats/canonical-json';
import { decodeJson, encodeJson } from '@lucid/common/storage/json';
import type { BatchWriter, KeyValueReader } from '@lucid/common/storage/kv';
import type { GenesisContract } from '../domain/chain/genesis.ts';
import { GENESIS_KEY } from './keys.ts';

/** `config` is the configuration's canonical JSON. */
export type GenesisRecord = { readonly config: string; readonly contracts: readonly GenesisContract[] };

/** The record, or undefined in an empty store. */
export function findGenesisRecord(store: KeyValueReader): GenesisRecord | undefined {
  const bytes = store.findSync(GENESIS_KEY);
  return bytes === undefined ? undefined : decodeJson<GenesisRecord>(bytes);
}

/** Adds the record to the batch of block 0. */
export function putGenesisRecord(batch: BatchWriter, record: GenesisRecord): void {
  batch.put(GENESIS_KEY, encodeJson(record));
}

/** One text for one configuration, however its file is laid out. */
export function canonicalText(config: unknown): string {
  return Buffer.from(encodeCanonicalJson(config)).toString('utf8');
}
