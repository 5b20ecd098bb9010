import assert from 'node:assert/strict';
import { describeRevert } from '@lucid/contracts/interfaces';
import { toQuantity } from 'ethers';
import type { ChainBlock, ChainLog, ChainReader, ChainReceipt, ChainWriter, SendOutcome } from '../domain/chain.ts';
import type { MemberRecord, ParamRecord, Settings } from '../domain/model.ts';
import { readMembers, readParams, readSettings, readViews, type View } from './contract-reads.ts';
import { readLogs } from './event-logs.ts';
import { type Rpc, RpcError } from './rpc.ts';

/** What JSON-RPC answers for a block, a receipt: the members read here. */
interface RpcBlock {
  readonly number: string;
  readonly hash: string;
  readonly timestamp: string;
}
interface RpcReceipt {
  readonly transactionHash: string;
  readonly blockNumber: string;
  readonly status: string;
}

/** The chain by JSON-RPC of blockchain-api. */
export class ChainClient implements ChainReader, ChainWriter {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async head(): Promise<ChainBlock> {
    const block = await this.#findBlock('latest');
    assert(block, 'a chain has a latest block');
    return block;
  }

  findBlock(number: number): Promise<ChainBlock | undefined> {
    return this.#findBlock(toQuantity(number));
  }

  async getBlocks(numbers: readonly number[]): Promise<ChainBlock[]> {
    const calls = numbers.map((number) => ({ method: 'eth_getBlockByNumber', params: [toQuantity(number), false] }));
    const blocks = (await this.#rpc.batch(calls)) as (RpcBlock | null)[];
    return blocks.map((block) => {
      assert(block, 'a block with events exists');
      return toBlock(block);
    });
  }

  listLogs(from: number, to: number): Promise<ChainLog[]> {
    return readLogs(this.#rpc, from, to);
  }

  getSettings(block: number): Promise<Settings> {
    return readSettings(this.#rpc, block);
  }

  listParams(block: number): Promise<ParamRecord[]> {
    return readParams(this.#rpc, block);
  }

  listMembers(block: number): Promise<MemberRecord[]> {
    return readMembers(this.#rpc, block);
  }

  async getQuorums(snapshot: number, block: number): Promise<{ quorum: bigint; superQuorum: bigint }> {
    const views = ['quorum', 'superQuorum'].map(
      (method): View => ({ contract: 'LucidGovernor', method, args: [snapshot] }),
    );
    const [quorum, superQuorum] = await readViews(this.#rpc, block, views);
    return { quorum: toNumber(quorum), superQuorum: toNumber(superQuorum) };
  }

  async getVotesAt(address: string, timestamp: number): Promise<bigint> {
    const head = await this.head();
    const view: View =
      timestamp < head.timestamp
        ? { contract: 'LucidSeats', method: 'getPastVotes', args: [address, timestamp] }
        : { contract: 'LucidSeats', method: 'getVotes', args: [address] };
    const [votes] = await readViews(this.#rpc, head.number, [view]);
    return toNumber(votes);
  }

  async sendTransaction(rawTransaction: string): Promise<SendOutcome> {
    try {
      await this.#rpc.call('eth_sendRawTransaction', [rawTransaction]);
      return { kind: 'sent' };
    } catch (error) {
      if (!(error instanceof RpcError) || error.isOverLimit) throw error;
      return toOutcome(error.message);
    }
  }

  async findReceipt(transactionHash: string): Promise<ChainReceipt | undefined> {
    const receipt = (await this.#rpc.call('eth_getTransactionReceipt', [transactionHash])) as RpcReceipt | null;
    if (receipt === null) return undefined;
    return { transactionHash, blockNumber: Number(receipt.blockNumber), isSuccess: receipt.status === '0x1' };
  }

  async getNextNonce(address: string): Promise<number> {
    return Number(await this.#rpc.call('eth_getTransactionCount', [address, 'pending']));
  }

  async findRefusal(call: { from: string; to: string; data: string }): Promise<string | undefined> {
    try {
      await this.#rpc.call('eth_call', [call, 'latest']);
      return undefined;
    } catch (error) {
      if (!(error instanceof RpcError) || error.isOverLimit) throw error;
      return describeRefusal(error);
    }
  }

  async #findBlock(tag: string): Promise<ChainBlock | undefined> {
    const block = (await this.#rpc.call('eth_getBlockByNumber', [tag, false])) as RpcBlock | null;
    return block === null ? undefined : toBlock(block);
  }
}

/** The words the public clients agree on. A transaction the pool already has counts as sent. */
function toOutcome(message: string): SendOutcome {
  if (/already known|known transaction|already imported/i.test(message)) return { kind: 'sent' };
  if (/nonce too low|replacement transaction underpriced/i.test(message)) return { kind: 'nonceUsed' };
  return { kind: 'refused', reason: message };
}

function describeRefusal({ rpcData, message }: RpcError): string {
  return (typeof rpcData === 'string' ? describeRevert(rpcData) : undefined) ?? message;
}

function toBlock({ number, hash, timestamp }: RpcBlock): ChainBlock {
  return { number: Number(number), hash, timestamp: Number(timestamp) };
}

function toNumber(answer: readonly unknown[] | undefined): bigint {
  return BigInt(String(answer?.[0]));
}
