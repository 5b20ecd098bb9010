/** What the REST views show; named `lucid_…` and never offered over JSON-RPC. */
import { toHex } from '../bytes.ts';
import type { Chain, ChainOptions } from '../chain/chain.ts';
import type { GenesisContract } from '../chain/genesis.ts';
import { CHAIN_HARDFORK } from '../chain/rules.ts';
import { getBlock } from './block-source.ts';
import type { RpcMethods } from './methods.ts';
import { parseAddress, parseBlockRef } from './params.ts';
import type { PoolParts } from './pool-methods.ts';

/** How the ledger's outbox stands. */
export type OutboxView = {
  readonly stats: { readonly pending: number; readonly parked: number; readonly lastError: string | undefined };
};

export type ViewParts = PoolParts & {
  readonly chain: Chain;
  readonly options: Pick<ChainOptions, 'gasLimit'>;
  readonly contracts: readonly GenesisContract[];
  readonly outbox: OutboxView;
};

/** The views' methods. */
export function viewMethods({
  rules,
  reader,
  chain,
  pool,
  stateAt,
  options,
  contracts,
  outbox,
}: ViewParts): RpcMethods {
  return {
    lucid_status: () => {
      const { hash, header } = getBlock(reader, { kind: 'head' });
      const { pending, parked, lastError } = outbox.stats;
      return {
        chainId: Number(rules.chainId()),
        hardfork: CHAIN_HARDFORK,
        genesisHash: toHex(getBlock(reader, { kind: 'number', number: 0 }).hash),
        head: {
          blockNumber: Number(header.number),
          blockHash: toHex(hash),
          stateRoot: toHex(header.stateRoot),
          timestamp: Number(header.timestamp),
        },
        pendingTransactions: pool.count,
        blockGasLimit: Number(options.gasLimit),
        ledgerOutbox: { pending, parked, ...(lastError === undefined ? {} : { lastError }) },
      };
    },
    lucid_contracts: () => ({ items: contracts }),
    lucid_account: ([address, ref]) => {
      const account = parseAddress(address, 'address');
      const { header } = getBlock(reader, parseBlockRef(ref));
      const state = stateAt(header.stateRoot);
      const { accountProof: _path, storageProof: _slots, ...fields } = state.prove(account, []);
      return {
        address: fields.address,
        blockNumber: Number(header.number),
        balance: BigInt(fields.balance).toString(),
        nonce: Number(fields.nonce),
        codeHash: fields.codeHash,
        codeSize: state.readCode(account).length,
        storageRoot: fields.storageHash,
      };
    },
    /** Throws where the chain takes no more: what readiness asks. */
    lucid_health: () => {
      if (chain.failure !== undefined) throw chain.failure;
      return outbox.stats.lastError ?? null;
    },
  };
}
