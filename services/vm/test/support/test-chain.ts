/** The chain's thread without the thread: what `open.test.ts` opens many times. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, systemClock } from '@lucid/common/runtime/clock';
import type { TransactionRequest, Wallet } from 'ethers';
import { openChainThread } from '../../src/chain-thread.ts';
import type { ChainSettings } from '../../src/settings.ts';
import { CHAIN_ID } from './accounts.ts';
import { testSettings } from './settings.ts';

/** The members of a receipt that tests look at. */
export type TestReceipt = { readonly blockNumber: string; readonly blockHash: string; readonly status: string };

/** Opens the chain in `folder`. */
export async function openTestNode(
  folder: string,
  overrides: Partial<ChainSettings> = {},
  clock: Clock = systemClock(),
) {
  const thread = await openChainThread(testSettings(folder, overrides), clock);
  const ask = async (method: string, ...params: unknown[]): Promise<unknown> => await thread.methods[method]?.(params);
  const send = async (wallet: Wallet, fields: TransactionRequest): Promise<unknown> => {
    const tx = { gasLimit: 2_000_000, gasPrice: 0, chainId: CHAIN_ID, ...fields };
    return await ask('eth_sendRawTransaction', await wallet.signTransaction(tx));
  };
  /** The receipt of a transaction, once it is durable. */
  const receiptOf = async (hash: unknown): Promise<TestReceipt> => {
    for (;;) {
      const receipt = await ask('eth_getTransactionReceipt', hash);
      if (receipt !== null) return receipt as TestReceipt;
      await nextTurn();
    }
  };
  const blockOf = async (ref: unknown): Promise<{ hash: string; timestamp: string; parentHash: string }> =>
    (await ask('eth_getBlockByNumber', ref, false)) as { hash: string; timestamp: string; parentHash: string };
  return { ask, send, receiptOf, blockOf, [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose]() };
}
