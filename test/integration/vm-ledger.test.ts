import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseBlockEntry } from '@lucid/common/formats/ledger-entries';
import { FetchRequest, JsonRpcProvider, type Wallet } from 'ethers';
import { expect, test } from 'vitest';
import { openTestChain, type TestChain } from '../support/chain.ts';
import { openTestLedger, type TestLedger } from '../support/ledger.ts';

/** A port that is free now, so that the chain knows the ledger's address before the ledger is there. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listBlocks(ledger: TestLedger): Promise<ReturnType<typeof parseBlockEntry>[]> {
  const { items } = (await ledger.app.inject('/entries?limit=200')).json<{ items: { entry: string }[] }>();
  return items.map(({ entry }) => parseBlockEntry(Buffer.from(entry, 'base64')));
}

function providerOf(chain: TestChain): JsonRpcProvider {
  const request = new FetchRequest(`${chain.vmUrl}/rpc`);
  request.preflightFunc = async (outgoing) => {
    outgoing.setHeader('authorization', `Bearer ${await chain.identity.serviceToken('blockchain-api', 'vm')}`);
    return outgoing;
  };
  return new JsonRpcProvider(request, undefined, { cacheTimeout: -1, pollingInterval: 20 });
}

async function makeBlocks(wallet: Wallet, provider: JsonRpcProvider, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const sent = await wallet.connect(provider).sendTransaction({ to: wallet.address });
    await sent.wait();
  }
}

test('every block header reaches the ledger once and in order, though the ledger comes late and the vm restarts', async () => {
  const port = await freePort();
  await using ledger = await openTestLedger();
  await using chain = await openTestChain({
    identity: ledger.identity,
    env: { LEDGER_URL: `http://127.0.0.1:${port}` },
  });
  const provider = providerOf(chain);
  await makeBlocks(chain.member, provider, 3);
  expect(await listBlocks(ledger)).toEqual([]);

  await ledger.app.listen({ host: '127.0.0.1', port });
  await expect.poll(async () => (await listBlocks(ledger)).length, { timeout: 20_000 }).toBe(4);
  await chain.stopVm();
  await chain.startVm();
  await makeBlocks(chain.member, provider, 2);
  await expect.poll(async () => (await listBlocks(ledger)).length, { timeout: 20_000 }).toBe(6);

  const entries = await listBlocks(ledger);
  for (const [number, entry] of entries.entries()) {
    const block = await provider.send('eth_getBlockByNumber', [`0x${number.toString(16)}`, false]);
    expect(entry).toMatchObject({
      chainId: 20_251,
      number,
      hash: block.hash,
      parentHash: block.parentHash,
      stateRoot: block.stateRoot,
      timestamp: Number(block.timestamp),
    });
  }
  provider.destroy();
}, 60_000);
