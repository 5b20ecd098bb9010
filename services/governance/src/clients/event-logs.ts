import { contractAddresses } from '@lucid/contracts/addresses';
import { type ContractName, contractInterfaces } from '@lucid/contracts/interfaces';
import { toQuantity } from 'ethers';
import type { ChainLog } from '../domain/chain.ts';
import { type Rpc, RpcError } from './rpc.ts';

// The governance contracts' events, however much there is of them.

interface RpcLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: string;
  readonly logIndex: string;
  readonly transactionHash: string;
}

const { LucidGovernor, LucidParams, LucidSeats, TimelockController } = contractAddresses;
const watched = [LucidGovernor, LucidParams, LucidSeats, TimelockController];
/**
 * All events of the governor and the parameters, which only members and decisions cause; of the others those that
 * change seats, votes or the delay. Delegating and approving without a seat is free to anybody, and says nothing.
 */
const watchedTopics = [
  ...topicsOf('LucidGovernor'),
  ...topicsOf('LucidParams'),
  ...topicsOf('LucidSeats', ['Transfer', 'DelegateVotesChanged']),
  ...topicsOf('TimelockController', ['MinDelayChange']),
];

/**
 * The events in `[from, to]`, in the order of the chain. What members write is theirs to choose: a run of blocks whose
 * events are over a limit is read in halves, and a block whose events are, transaction by transaction.
 */
export async function readLogs(rpc: Rpc, from: number, to: number): Promise<ChainLog[]> {
  const filter = { address: watched, topics: [watchedTopics], fromBlock: toQuantity(from), toBlock: toQuantity(to) };
  try {
    return ((await rpc.call('eth_getLogs', [filter])) as RpcLog[]).map(toLog);
  } catch (error) {
    if (!(error instanceof RpcError) || !error.isOverLimit) throw error;
  }
  if (from === to) return await readLogsOfBlock(rpc, from);
  const middle = Math.floor((from + to) / 2);
  return [...(await readLogs(rpc, from, middle)), ...(await readLogs(rpc, middle + 1, to))];
}

/** What one transaction can write is bounded by its gas (EIP-7825), well below the limit of an answer. */
async function readLogsOfBlock(rpc: Rpc, block: number): Promise<ChainLog[]> {
  const found = (await rpc.call('eth_getBlockByNumber', [toQuantity(block), false])) as { transactions: string[] };
  const calls = found.transactions.map((hash) => ({ method: 'eth_getTransactionReceipt', params: [hash] }));
  const receipts = (await rpc.batch(calls)) as { logs: RpcLog[] }[];
  return receipts.flatMap(({ logs }) => logs.filter(isWatched).map(toLog));
}

function isWatched({ address, topics }: RpcLog): boolean {
  const isOurs = watched.some((contract) => contract.toLowerCase() === address.toLowerCase());
  return isOurs && watchedTopics.includes(topics[0] ?? '');
}

function toLog(log: RpcLog): ChainLog {
  return { ...log, blockNumber: Number(log.blockNumber), logIndex: Number(log.logIndex) };
}

function topicsOf(contract: ContractName, names?: readonly string[]): string[] {
  const topics: string[] = [];
  contractInterfaces[contract].forEachEvent(({ name, topicHash }) => {
    if (names === undefined || names.includes(name)) topics.push(topicHash);
  });
  return topics;
}
