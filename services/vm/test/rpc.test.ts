import { verifyMerkleProof } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import { Contract, getBytes, keccak256, Transaction, toBeHex, toQuantity, zeroPadValue } from 'ethers';
import { createPublicClient, createWalletClient, type Hex, http, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alice, bob, CHAIN_ID, nobody, poor } from './support/accounts.ts';
import { deployProbe, probe, probeAbi, probeCode } from './support/probe.ts';
import { openTestVm } from './support/test-vm.ts';

type TestVm = Awaited<ReturnType<typeof openTestVm>>;
type BlockJson = { parentHash: string; timestamp: string; stateRoot: string; transactions: unknown[] };
type SlotProof = { key: string; value: string; proof: string[] };
type ProofJson = { accountProof: string[]; storageHash: string; storageProof: SlotProof[] };

describe('clients on the chain', () => {
  let vm: TestVm;
  let contract: Contract;

  beforeAll(async () => {
    vm = await openTestVm();
    contract = await deployProbe(alice.connect(vm.provider), 41n);
  });

  afterAll(() => vm[Symbol.asyncDispose]());

  test('ethers deploys, calls, sends, waits and reads events', async () => {
    expect(await contract.getFunction('value')()).toBe(41n);
    const sent = await contract.getFunction('set')(42n, 'hello');
    const receipt = await sent.wait();
    expect(receipt).toMatchObject({ status: 1, from: alice.address, gasPrice: 0n });
    expect(await contract.getFunction('value')()).toBe(42n);
    expect(await contract.getFunction('value')({ blockTag: receipt.blockNumber - 1 })).toBe(41n);
    const [event] = await contract.queryFilter(contract.filters['Set']?.(alice.address) ?? 'Set', 0);
    if (event === undefined) throw new Error('no event');
    expect(event).toMatchObject({ transactionHash: sent.hash, blockHash: receipt.blockHash, index: 0 });
    expect(probe.parseLog(event)?.args.toArray()).toEqual([alice.address, 42n, 'hello']);
  });

  test('a listener hears of an event through a filter', async () => {
    const heard = new Promise((resolve) => void contract.once('Set', (_by, value) => resolve(value)));
    await vm.provider.getBlockNumber();
    await (await contract.getFunction('set')(77n, 'listen')).wait();
    await (await contract.getFunction('set')(78n, 'listen')).wait();
    expect([77n, 78n]).toContain(await heard);
  });

  test('an account that owns nothing may act: gas is free', async () => {
    expect(await vm.provider.getBalance(nobody.address)).toBe(0n);
    const theirs = contract.connect(nobody.connect(vm.provider)) as Contract;
    await (await theirs.getFunction('set')(5n, 'free')).wait();
    expect(await vm.provider.getTransactionCount(nobody.address)).toBe(1);
  });

  test('many transactions sent at once are all mined, in nonce order', async () => {
    const from = await vm.provider.getTransactionCount(bob.address);
    const sent = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const tx = {
          to: poor.address,
          value: 1n,
          nonce: from + 59 - i,
          gasLimit: 21_000,
          chainId: CHAIN_ID,
          gasPrice: 0,
        };
        return vm.provider.broadcastTransaction(await bob.signTransaction(tx));
      }),
    );
    const receipts = await Promise.all(sent.map((tx) => tx.wait()));
    const places = receipts.map((receipt) => [receipt?.blockNumber ?? 0, receipt?.index ?? 0]).toReversed();
    expect(places).toEqual(places.toSorted(([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d));
    expect(await vm.provider.getBalance(poor.address)).toBe(60n);
  });

  test('viem reads and writes with its own methods', async () => {
    const account = privateKeyToAccount(bob.privateKey as Hex);
    const chain = {
      id: CHAIN_ID,
      name: 'lucid',
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
      rpcUrls: { default: { http: [`${vm.url}/rpc`] } },
    };
    const transport = http(`${vm.url}/rpc`, { fetchOptions: { headers: { authorization: await vm.bearer() } } });
    const wallet = createWalletClient({ account, chain, transport });
    const reader = createPublicClient({ chain, transport, pollingInterval: 20 });
    const abi = parseAbi([...probeAbi]);
    const hash = await wallet.deployContract({ abi, bytecode: probeCode as Hex, args: [9n] });
    const { contractAddress, status } = await reader.waitForTransactionReceipt({ hash });
    expect(status).toBe('success');
    const address = contractAddress ?? '0x';
    expect(await reader.readContract({ abi, address, functionName: 'value' })).toBe(9n);
    const failing = reader.readContract({ abi, address, functionName: 'failError' });
    await expect(failing).rejects.toThrow('Refused(uint256 code)');
  });

  test('blocks, transactions and receipts agree with one another', async () => {
    const sent = await contract.getFunction('set')(1n, 'agree');
    const receipt = await sent.wait();
    const block = (await vm.rpc('eth_getBlockByNumber', [toQuantity(receipt.blockNumber), true])).result as BlockJson;
    expect(block).toMatchObject({ hash: receipt.blockHash, baseFeePerGas: '0x0', stateRoot: expect.any(String) });
    expect((await vm.rpc('eth_getBlockByHash', [receipt.blockHash, true])).result).toEqual(block);
    const byHash = (await vm.rpc('eth_getTransactionByHash', [sent.hash])).result;
    expect(block.transactions).toContainEqual(byHash);
    expect(Transaction.from((await vm.provider.getTransaction(sent.hash))!).hash).toBe(sent.hash);
    const receipts = (await vm.rpc('eth_getBlockReceipts', [receipt.blockHash])).result;
    expect(receipts).toContainEqual((await vm.rpc('eth_getTransactionReceipt', [sent.hash])).result);
    const parent = (await vm.provider.getBlock(receipt.blockNumber - 1))!;
    expect(block.parentHash).toBe(parent.hash);
    expect(Number(block.timestamp)).toBeGreaterThanOrEqual(parent.timestamp);
  });

  test('logs are found by index and by bloom alike', async () => {
    const address = await contract.getAddress();
    const topic = probe.getEvent('Set')?.topicHash;
    const filter = { fromBlock: '0x0', toBlock: 'latest' };
    const indexed = (await vm.rpc('eth_getLogs', [{ ...filter, address, topics: [topic] }])).result as unknown[];
    const scanned = (await vm.rpc('eth_getLogs', [filter])).result as { address: string; topics: string[] }[];
    expect(indexed.length).toBeGreaterThan(2);
    expect(scanned.filter((log) => log.address === address.toLowerCase() && log.topics[0] === topic)).toEqual(indexed);
    const byValue = zeroPadValue(toBeHex(42), 32);
    expect((await vm.rpc('eth_getLogs', [{ ...filter, topics: [null, null, [byValue]] }])).result).toEqual([
      expect.objectContaining({ topics: [topic, zeroPadValue(alice.address.toLowerCase(), 32), byValue] }),
    ]);
  });

  test('proofs of accounts and slots hold against the state root, at any block', async () => {
    const address = await contract.getAddress();
    const head = await vm.provider.getBlockNumber();
    const absent = zeroPadValue('0x1234', 32);
    for (const blockNumber of [head, head - 1]) {
      const { stateRoot } = (await vm.rpc('eth_getBlockByNumber', [toQuantity(blockNumber), false]))
        .result as BlockJson;
      const proof = (await vm.rpc('eth_getProof', [address, ['0x0', absent], toQuantity(blockNumber)]))
        .result as ProofJson;
      const path = proof.accountProof.map((node) => getBytes(node));
      const leaf = await verifyMerkleProof(getBytes(keccak256(address)), path, { root: getBytes(stateRoot) });
      const root = getBytes(proof.storageHash);
      expect(RLP.decode(leaf ?? '0x')).toContainEqual(root);
      for (const { key, value, proof: nodes } of proof.storageProof) {
        const slot = getBytes(keccak256(zeroPadValue(toBeHex(BigInt(key)), 32)));
        const found = await verifyMerkleProof(
          slot,
          nodes.map((node) => getBytes(node)),
          { root },
        );
        const word = found === null ? 0n : BigInt(`0x${Buffer.from(RLP.decode(found) as Uint8Array).toString('hex')}`);
        expect(word).toBe(BigInt(value));
      }
    }
  });

  test('a call sees the block it is asked of; pending is the next one', async () => {
    const head = (await vm.provider.getBlock('latest'))!;
    const latest = await contract.getFunction('whenIs')();
    expect([latest.number, latest.time, latest.parent]).toEqual([
      BigInt(head.number),
      BigInt(head.timestamp),
      head.parentHash,
    ]);
    const pending = await contract.getFunction('whenIs')({ blockTag: 'pending' });
    expect([pending.number, pending.parent]).toEqual([BigInt(head.number + 1), head.hash]);
  });

  test('state overrides change a call and nothing else', async () => {
    const to = await contract.getAddress();
    const call = { to, data: probe.encodeFunctionData('value') };
    const slot = zeroPadValue('0x00', 32);
    const word = zeroPadValue('0x63', 32);
    const before = (await vm.rpc('eth_call', [call, 'latest'])).result;
    expect((await vm.rpc('eth_call', [call, 'latest', { [to]: { stateDiff: { [slot]: word } } }])).result).toBe(word);
    expect((await vm.rpc('eth_call', [call, 'latest'])).result).toBe(before);
  });

  test('a contract may be asked as if another contract called it', async () => {
    const to = await contract.getAddress();
    const from = '0x244D9a55889e01803f1B9348E30b8705E3258D03';
    const data = await vm.provider.call({ from, to, data: probe.encodeFunctionData('who') });
    expect(probe.decodeFunctionResult('who', data).toArray()).toEqual([from, from]);
    expect(
      await vm.provider.estimateGas({ from, to, data: probe.encodeFunctionData('set', [3n, 'x']) }),
    ).toBeGreaterThan(21_000n);
  });

  test('estimates are enough, and 21000 for a plain transfer', async () => {
    expect(await vm.provider.estimateGas({ from: alice.address, to: poor.address, value: 1n })).toBe(21_000n);
    const data = probe.encodeFunctionData('fill', [1000, 20]);
    const gasLimit = await vm.provider.estimateGas({ from: alice.address, to: await contract.getAddress(), data });
    const sent = await contract.getFunction('fill')(1000, 20, { gasLimit });
    const receipt = await sent.wait();
    expect(receipt.status).toBe(1);
    expect(Number(gasLimit)).toBeLessThan(Number(receipt.gasUsed) * 1.03);
  });

  test('an access list names what a call touches', async () => {
    const call = { from: alice.address, to: await contract.getAddress(), data: probe.encodeFunctionData('value') };
    expect((await vm.rpc('eth_createAccessList', [call])).result).toMatchObject({
      accessList: [{ address: call.to.toLowerCase(), storageKeys: [zeroPadValue('0x00', 32)] }],
    });
  });

  test('fees are free, and their history says so', async () => {
    const history = (await vm.rpc('eth_feeHistory', ['0x3', 'latest', [25, 75]])).result;
    expect(history).toMatchObject({
      baseFeePerGas: ['0x0', '0x0', '0x0', '0x0'],
      reward: [
        ['0x0', '0x0'],
        ['0x0', '0x0'],
        ['0x0', '0x0'],
      ],
    });
    expect((await vm.rpc('eth_gasPrice')).result).toBe('0x0');
  });

  test('a batch is answered in its order; notifications are not answered', async () => {
    const response = await fetch(`${vm.url}/rpc`, {
      method: 'POST',
      headers: { authorization: await vm.bearer(), 'content-type': 'application/json' },
      body: JSON.stringify([
        { jsonrpc: '2.0', id: 'a', method: 'eth_chainId', params: [] },
        { jsonrpc: '2.0', method: 'eth_blockNumber', params: [] },
        { jsonrpc: '2.0', id: 7, method: 'nope' },
        { jsonrpc: '2.0', id: 8, method: 'web3_sha3', params: ['0x68656c6c6f'] },
      ]),
    });
    expect(await response.json()).toEqual([
      { jsonrpc: '2.0', id: 'a', result: toQuantity(CHAIN_ID) },
      { jsonrpc: '2.0', id: 7, error: { code: -32601, message: expect.stringContaining('does not exist') } },
      { jsonrpc: '2.0', id: 8, result: keccak256('0x68656c6c6f') },
    ]);
  });
});
