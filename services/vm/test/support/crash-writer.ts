/** A chain in a process of its own, loaded until it is killed; prints every receipt it could show. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '@lucid/common/runtime/clock';
import { getCreateAddress, type TransactionRequest, type Wallet } from 'ethers';
import { openChainThread } from '../../src/chain-thread.ts';
import { alice, bob, CHAIN_ID, carol } from './accounts.ts';
import { probe, probeCode } from './probe.ts';
import { testSettings } from './settings.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: crash-writer FOLDER');
const { methods } = await openChainThread(testSettings(folder), systemClock());
const ask = async (method: string, ...params: unknown[]): Promise<unknown> => await methods[method]?.(params);

/** Sends a transaction and waits for its durable receipt. */
async function send(wallet: Wallet, fields: TransactionRequest): Promise<void> {
  const tx = { gasLimit: 2_000_000, gasPrice: 0, chainId: CHAIN_ID, ...fields };
  const hash = await ask('eth_sendRawTransaction', await wallet.signTransaction(tx));
  for (;;) {
    const receipt = await ask('eth_getTransactionReceipt', hash);
    if (receipt !== null) {
      const { blockNumber, blockHash } = receipt as { blockNumber: string; blockHash: string };
      console.log(`${Number(blockNumber)} ${blockHash} ${String(hash)}`);
      return;
    }
    await nextTurn();
  }
}

const to = getCreateAddress({ from: alice.address, nonce: 0 });
if ((await ask('eth_getCode', to)) === '0x') {
  await send(alice, { nonce: 0, data: `${probeCode}${'00'.repeat(32)}` });
}
await Promise.all(
  [alice, bob, carol].map(async (wallet, lane) => {
    for (let nonce = Number(await ask('eth_getTransactionCount', wallet.address, 'latest')); ; nonce++) {
      const data = probe.encodeFunctionData('fill', [lane * 1_000_000 + nonce * 3, 3]);
      await send(wallet, { to, data, nonce });
    }
  }),
);
