import type { Param } from '@lucid/common/apis/blockchain';
import { contractAddresses } from '@lucid/contracts/addresses';
import { contractInterfaces } from '@lucid/contracts/interfaces';
import { paramSpecs } from '@lucid/contracts/params';
import { blockchainError } from '../errors.ts';
import { callChain, toNumber } from './chain-reads.ts';
import type { ChainRpc } from './json-rpc.ts';

const params = contractInterfaces.LucidParams;

interface OnChainParam {
  readonly key: string;
  readonly value: bigint;
  readonly min: bigint;
  readonly max: bigint;
}

/** The governed parameters as of the head. One reading is kept for as long as no new block can have changed them. */
export class ChainParams {
  readonly #rpc: ChainRpc;
  #held: { readonly block: string; readonly params: Promise<readonly Param[]> } | undefined;
  #readings = 0;

  constructor(rpc: ChainRpc) {
    this.#rpc = rpc;
  }

  /** How often the contract was asked. */
  get readingCount(): number {
    return this.#readings;
  }

  async list(): Promise<readonly Param[]> {
    const block = await callChain<string>(this.#rpc, 'eth_blockNumber', []);
    if (this.#held?.block !== block) {
      const held = { block, params: this.#read(block) };
      this.#held = held;
      // A reading that failed is not kept; whoever waits for it gets the failure.
      held.params.catch(() => {
        if (this.#held === held) this.#held = undefined;
      });
    }
    return await this.#held.params;
  }

  /** @throws PARAM_NOT_FOUND */
  async get(key: string): Promise<Param> {
    const param = (await this.list()).find((candidate) => candidate.key === key);
    if (!param) throw blockchainError('PARAM_NOT_FOUND', `There is no governed parameter "${key}".`);
    return param;
  }

  async #read(block: string): Promise<readonly Param[]> {
    this.#readings += 1;
    const call = { to: contractAddresses.LucidParams, data: params.encodeFunctionData('listParams') };
    const data = await callChain<string>(this.#rpc, 'eth_call', [call, block]);
    const [list] = params.decodeFunctionResult('listParams', data);
    const blockNumber = toNumber(block);
    return Array.from(list as Iterable<OnChainParam>, (param) => toParam(param, blockNumber));
  }
}

function toParam({ key, value, min, max }: OnChainParam, blockNumber: number): Param {
  const spec = paramSpecs.find((candidate) => candidate.key === key);
  return {
    key,
    unit: spec?.unit ?? '',
    description: spec?.description ?? '',
    value: value.toString(),
    min: min.toString(),
    max: max.toString(),
    blockNumber,
  };
}
