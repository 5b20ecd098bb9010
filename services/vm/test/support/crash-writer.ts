/** A chain in a process of its own, loaded until it is killed; prints every transaction it acknowledged and every receipt it showed. */
import { getCreateAddress, type TransactionRequest, type Wallet } from 'ethers';
import { alice, bob, carol } from './accounts.ts';
import { probe, probeCode } from './probe.ts';
import { openTestNode } from './test-chain.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: crash-writer FOLDER');
const chain = await openTestNode(folder);

async function send(wallet: Wallet, fields: TransactionRequest): Promise<void> {
  const hash = await chain.send(wallet, fields);
  console.log(`acknowledged ${String(hash)}`);
  const { blockNumber, blockHash } = await chain.receiptOf(hash);
  console.log(`${Number(blockNumber)} ${blockHash} ${String(hash)}`);
}

const to = getCreateAddress({ from: alice.address, nonce: 0 });
if ((await chain.ask('eth_getCode', to)) === '0x') {
  await send(alice, { nonce: 0, data: `${probeCode}${'00'.repeat(32)}` });
}
await Promise.all(
  [alice, bob, carol].map(async (wallet, lane) => {
    for (let nonce = Number(await chain.ask('eth_getTransactionCount', wallet.address, 'pending')); ; nonce++) {
      await send(wallet, { to, nonce, data: probe.encodeFunctionData('fill', [lane * 1_000_000 + nonce * 3, 3]) });
    }
  }),
);
