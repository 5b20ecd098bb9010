/** The thread that owns the chain: composes store, engine, pool, sequencer, outbox and the methods it answers. */
import { toHex0x } from '@lucid/common/formats/bytes';
import { encodeBlockEntry } from '@lucid/common/formats/ledger-entries';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { type Outbox, openOutbox } from '@lucid/common/storage/outbox';
import { type BlockNotice, deliverToLedger } from './clients/ledger.ts';
import { ZERO_ADDRESS } from './domain/bytes.ts';
import type { SealedBlock, StoredBlock } from './domain/chain/block.ts';
import { Chain, type ChainClock } from './domain/chain/chain.ts';
import { createEngine } from './domain/chain/engine.ts';
import { buildGenesis, listGenesisContracts } from './domain/chain/genesis.ts';
import { createRules } from './domain/chain/rules.ts';
import type { SignedTransaction } from './domain/chain/transaction.ts';
import { Mempool } from './domain/pool/mempool.ts';
import { restorePool } from './domain/pool/restore.ts';
import { chainMethods } from './domain/rpc/chain-methods.ts';
import { feeMethods } from './domain/rpc/fee-methods.ts';
import { filterMethods } from './domain/rpc/filters.ts';
import { logMethods } from './domain/rpc/log-methods.ts';
import { metaMethods } from './domain/rpc/meta-methods.ts';
import type { RpcMethods } from './domain/rpc/methods.ts';
import { poolContentMethods } from './domain/rpc/pool-content.ts';
import { poolMethods } from './domain/rpc/pool-methods.ts';
import { rawMethods } from './domain/rpc/raw-methods.ts';
import { stateMethods } from './domain/rpc/state-methods.ts';
import { viewMethods } from './domain/rpc/view-methods.ts';
import { JournaledState } from './domain/state/journaled-state.ts';
import { createStateReader } from './domain/state/state-reader.ts';
import { vmError } from './errors.ts';
import { type GenesisFile, parseGenesisFile, planGenesis } from './genesis-file.ts';
import type { ChainSettings } from './settings.ts';
import { LevelChainStore } from './store/chain-store.ts';
import { canonicalText, findGenesisRecord, type GenesisRecord, putGenesisRecord } from './store/genesis-record.ts';
import { LEDGER_OUTBOX_PREFIX } from './store/keys.ts';
import { PoolJournal } from './store/pool-journal.ts';

/** Memory of LevelDB itself, bytes. */
const LEVEL = { sharedByThreads: true, writeBufferSize: 16 * 1024 * 1024, cacheSize: 16 * 1024 * 1024 } as const;

/** The longest pause between two tries to reach the ledger. */
const RETRY_MAX_MS = 5000;

/** The methods a thread answers, until it is disposed. */
export interface Thread extends AsyncDisposable {
  readonly methods: RpcMethods;
}

/**
 * Opens the chain, creating it the first time.
 * @throws AppError VM_GENESIS_MISMATCH, VM_GENESIS_INVALID, VM_GENESIS_FAILED, VM_STORE_DAMAGED, STORE_*
 */
export async function openChainThread(settings: ChainSettings, clock: ChainClock): Promise<Thread> {
  const file = parseGenesisFile(settings.genesisText);
  await using stack = new AsyncDisposableStack();
  const db = stack.use(await openLevelStore(settings.folder, LEVEL));
  const outbox = stack.use(
    await openOutbox<BlockNotice>({ store: db, prefix: LEDGER_OUTBOX_PREFIX, clock, retryMaxMs: RETRY_MAX_MS }),
  );
  const { store, genesis } = await openStore(settings, file, db, outbox);
  const tip = openTip(store);
  const rules = createRules(file.chainId);
  const state = new JournaledState(store, tip.header.stateRoot);
  const journal = stack.use(new PoolJournal(db, settings.poolSync));
  const pool = new Mempool(settings.pool, ({ hash }) => journal.forget(hash));
  const engine = await createEngine(rules, state, (blockNumber) => blockHash(store, chain, blockNumber));
  const options = {
    gasLimit: BigInt(settings.blockGasLimit),
    coinbase: ZERO_ADDRESS,
    blockIntervalMs: settings.blockIntervalMs,
    blockRunMs: settings.blockRunMs,
  };
  // Waited for between the chain, whose closing ends it, and the journal.
  let restored: Promise<void> | undefined;
  stack.defer(async () => await restored);
  const chain: Chain = stack.use(new Chain({ rules, engine, store, pool, clock, options }, tip));
  chain.onDurable(({ transactionHashes }) => {
    for (const hash of transactionHashes) journal.forget(hash);
  });
  restored = restorePool(chain, rules, await journal.load(), (hash) => journal.forget(hash));
  outbox.start(deliverToLedger({ url: settings.ledgerUrl, serviceKeyPem: settings.serviceKeyPem }));
  const stateAt = createStateReader(store);
  const keep = async (transaction: SignedTransaction): Promise<void> => await journal.keep(transaction);
  const poolParts = { rules, reader: store, chain, pool, keep, stateAt };
  const methods = {
    ...metaMethods(file.chainId, settings.version),
    ...chainMethods(rules, store),
    ...stateMethods(store, stateAt),
    ...poolMethods(poolParts),
    ...poolContentMethods(pool),
    ...rawMethods(store, pool),
    ...feeMethods(store),
    ...logMethods(store, settings.filters),
    ...filterMethods(store, settings.filters, () => performance.now()),
    ...viewMethods({ ...poolParts, options, contracts: genesis.contracts, outbox }),
  };
  const resources = stack.move();
  return { methods, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** The hash of one of the last blocks, durable or not: what BLOCKHASH sees. */
function blockHash(store: LevelChainStore, chain: Chain, blockNumber: number): Uint8Array | undefined {
  const { tip } = chain;
  if (BigInt(blockNumber) === tip.header.number) return tip.hash;
  if (BigInt(blockNumber) === tip.header.number - 1n) return tip.header.parentHash;
  return store.findBlock(blockNumber)?.hash;
}

async function openStore(
  settings: ChainSettings,
  file: GenesisFile,
  db: KeyValueStore,
  outbox: Outbox<BlockNotice>,
): Promise<{ store: LevelChainStore; genesis: GenesisRecord }> {
  const found = findGenesisRecord(db);
  const config = canonicalText(file);
  if (found !== undefined && found.config !== config) {
    throw vmError('VM_GENESIS_MISMATCH', `${settings.folder} holds a chain of another genesis configuration.`);
  }
  let created: GenesisRecord | undefined;
  const store = new LevelChainStore(db, {
    nodeCacheBytes: settings.nodeCacheBytes,
    blockCacheBytes: settings.blockCacheBytes,
    onAppend: (batch, block) => {
      if (created !== undefined && block.header.number === 0n) putGenesisRecord(batch, created);
      outbox.append(batch, noticeOf(file.chainId, block), toHex0x(block.hash));
    },
  });
  if (found !== undefined) return { store, genesis: found };
  const plan = await planGenesis(file, settings.blockGasLimit);
  const engine = await createEngine(createRules(file.chainId), new JournaledState(store), () => undefined);
  const block = await buildGenesis(engine, plan);
  created = { config, contracts: listGenesisContracts(plan, engine) };
  await store.append(block);
  return { store, genesis: created };
}

function noticeOf(chainId: number, block: SealedBlock): BlockNotice {
  const { header } = block;
  const entry = encodeBlockEntry({
    type: 'lucid/block@1',
    chainId,
    number: Number(header.number),
    hash: toHex0x(block.hash),
    parentHash: toHex0x(header.parentHash),
    stateRoot: toHex0x(header.stateRoot),
    timestamp: Number(header.timestamp),
  });
  return { blockNumber: Number(header.number), entry: Buffer.from(entry).toString('base64') };
}

/** The last durable block; its state must be there. @throws AppError VM_STORE_DAMAGED */
function openTip(store: LevelChainStore): StoredBlock {
  const head = store.headNumber();
  const tip = store.findBlock(head);
  if (tip === undefined || store.getNode(tip.header.stateRoot) === undefined) {
    throw vmError('VM_STORE_DAMAGED', `Block ${head} or its state is missing.`);
  }
  return tip;
}
