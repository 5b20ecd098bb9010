/** A vm in a process of its own that is loaded until it is killed; prints every receipt it was shown. */
import { getCreateAddress } from 'ethers';
import { deployProbe, probe } from './probe.ts';
import { alice, bob, CHAIN_ID, carol, openTestVm } from './test-vm.ts';

const [dataDir] = process.argv.slice(2);
if (dataDir === undefined) throw new Error('usage: crash-writer FOLDER');
const vm = await openTestVm({ dataDir });
const target = getCreateAddress({ from: alice.address, nonce: 0 });
if ((await vm.provider.getCode(target)) === '0x') await deployProbe(alice.connect(vm.provider));
console.log('ready');

await Promise.all(
  [alice, bob, carol].map(async (wallet, lane) => {
    for (let nonce = await vm.provider.getTransactionCount(wallet.address); ; nonce++) {
      const data = probe.encodeFunctionData('fill', [lane * 1_000_000 + nonce * 3, 3]);
      const tx = { to: target, data, nonce, gasLimit: 200_000, gasPrice: 0, chainId: CHAIN_ID };
      const sent = await vm.provider.broadcastTransaction(await wallet.signTransaction(tx));
      const receipt = await sent.wait();
      console.log(`${receipt?.blockNumber} ${receipt?.blockHash} ${sent.hash}`);
    }
  }),
);
