import { setTimeout as delay } from 'node:timers/promises';
import type { blockchainApi } from '@lucid/common/apis/blockchain';
import type { Client } from '@lucid/common/http/client';
import { type HDNodeWallet, Wallet } from 'ethers';

type ChainClient = Client<typeof blockchainApi.operations>;

/** A transaction in a block, as its sender was told. */
export interface Receipt {
  readonly transactionHash: string;
  readonly blockNumber: string;
  readonly blockHash: string;
}

/** Calls the chain by JSON-RPC. Throws what the chain refuses. */
async function call<T>({ rpc }: ChainClient, method: string, params: readonly unknown[]): Promise<T> {
  const answer = (await rpc({ body: { jsonrpc: '2.0', id: 1, method, params } })) as { result?: T; error?: unknown };
  if (answer.error !== undefined) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  return answer.result as T;
}

export async function findReceipt(client: ChainClient, transactionHash: string): Promise<Receipt | null> {
  return await call(client, 'eth_getTransactionReceipt', [transactionHash]);
}

/** Sends a transaction of no value from an account to itself, and waits for its block. */
async function sendOne(client: ChainClient, wallet: HDNodeWallet, chainId: number, nonce: number): Promise<Receipt> {
  const fees = { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n, gasLimit: 50_000n };
  const signed = await wallet.signTransaction({ type: 2, chainId, nonce, to: wallet.address, ...fees });
  const hash = await call<string>(client, 'eth_sendRawTransaction', [signed]);
  for (;;) {
    const receipt = await findReceipt(client, hash);
    if (receipt !== null) return receipt;
    await delay(5);
  }
}

/** Sends transactions from a new account, one after another, until one fails; tells of each receipt. */
export async function sendUntilGone(client: ChainClient, onReceipt: (receipt: Receipt) => void): Promise<void> {
  const wallet = Wallet.createRandom();
  try {
    const { chainId } = await client.getChain();
    for (let nonce = 0; ; nonce += 1) onReceipt(await sendOne(client, wallet, chainId, nonce));
  } catch {
    // The process is gone, in the middle of whatever it did.
  }
}

/** Sends so many transactions from a new account, each after the one before it is in a block. */
export async function sendTransactions(client: ChainClient, count: number): Promise<Receipt[]> {
  const wallet = Wallet.createRandom();
  const { chainId } = await client.getChain();
  const receipts: Receipt[] = [];
  while (receipts.length < count) receipts.push(await sendOne(client, wallet, chainId, receipts.length));
  return receipts;
}
