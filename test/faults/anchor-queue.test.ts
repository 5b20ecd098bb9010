import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { blockchainApi } from '@lucid/common/apis/blockchain';
import { sessionIdToBytes32 } from '@lucid/common/formats/ids';
import { type Client, createClient } from '@lucid/common/http/client';
import { contractAddresses } from '@lucid/contracts/addresses';
import { findSessionRegistered } from '@lucid/contracts/anchors';
import { contractInterfaces } from '@lucid/contracts/interfaces';
import { FetchRequest, JsonRpcProvider } from 'ethers';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { newAnchorContent } from '../../services/blockchain-api/test/anchor-content.ts';
import { openTestChain, type TestChain } from '../support/chain.ts';

const mainFile = fileURLToPath(new URL('../../services/blockchain-api/src/main.ts', import.meta.url));
const crashCount = 12;
const callerCount = 6;

let chain: TestChain;
let current: ChildProcess | undefined;
beforeAll(async () => {
  chain = await openTestChain();
});
afterAll(async () => {
  current?.kill('SIGKILL');
  await chain?.[Symbol.asyncDispose]();
});

interface Process {
  readonly child: ChildProcess;
  readonly url: string;
  readonly client: Client<typeof blockchainApi.operations>;
}

/** The service as a process of its own, on the same folder each time. */
async function startProcess(): Promise<Process> {
  const child = spawn(process.execPath, ['--conditions=source', mainFile], {
    env: {
      ...process.env,
      ...chain.env,
      BLOCKCHAIN_API_PORT: '0',
      BLOCKCHAIN_API_DATA_DIR: join(chain.folder, 'blockchain-api'),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  current = child;
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const entry = JSON.parse(line) as { url?: string; msg?: string };
    if (!entry.url) continue;
    child.stdout.resume();
    const token = () => chain.identity.serviceToken('sessions', 'blockchain-api');
    return {
      child,
      url: entry.url,
      client: createClient(blockchainApi, { baseUrl: entry.url, token, attemptsMax: 1 }),
    };
  }
  throw new Error('the service ended before it listened');
}

/** Asks for anchors until the service is gone; adds those that were answered. */
async function askUntilGone({ client }: Process, asked: Set<string>, acknowledged: Set<string>): Promise<void> {
  for (;;) {
    const content = newAnchorContent();
    asked.add(content.sessionId);
    try {
      await client.createAnchor({ body: content });
    } catch {
      return;
    }
    acknowledged.add(content.sessionId);
  }
}

/** How often the contract registered each session, by its events. */
async function countRegistrations(url: string): Promise<Map<string, number>> {
  const provider = new JsonRpcProvider(new FetchRequest(`${url}/rpc`));
  const topic = contractInterfaces.LucidAnchors.getEvent('SessionRegistered')?.topicHash ?? null;
  const logs = await provider.getLogs({ address: contractAddresses.LucidAnchors, fromBlock: 0, topics: [topic] });
  provider.destroy();
  const counts = new Map<string, number>();
  for (const log of logs) {
    const id = findSessionRegistered({ topics: [...log.topics], data: log.data })?.sessionId ?? '';
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

test(`killed at ${crashCount} random moments while anchoring: each acknowledged session once on the chain`, async () => {
  const asked = new Set<string>();
  const acknowledged = new Set<string>();
  for (let crash = 0; crash < crashCount; crash += 1) {
    const running = await startProcess();
    const callers = Array.from({ length: callerCount }, () => askUntilGone(running, asked, acknowledged));
    // The moment is the experiment: from before the first group of writes to the middle of many blocks.
    await delay(randomInt(5, 400));
    running.child.kill('SIGKILL');
    await once(running.child, 'exit');
    await Promise.all(callers);
  }
  const last = await startProcess();
  await vi.waitFor(
    async () => {
      for (const status of ['queued', 'submitted'] as const) {
        expect((await last.client.listAnchors({ query: { status, limit: 1 } })).items).toEqual([]);
      }
    },
    { timeout: 120_000, interval: 100 },
  );
  expect((await last.client.listAnchors({ query: { status: 'failed' } })).items).toEqual([]);
  const counts = await countRegistrations(last.url);
  expect(acknowledged.size).toBeGreaterThan(crashCount);
  expect([...acknowledged].filter((id) => counts.get(sessionIdToBytes32(id)) !== 1)).toEqual([]);
  expect([...counts.values()].filter((count) => count !== 1)).toEqual([]);
  const known = new Set([...asked].map(sessionIdToBytes32));
  expect([...counts.keys()].filter((id) => !known.has(id))).toEqual([]);

  last.child.kill('SIGTERM');
  const [code] = (await once(last.child, 'exit')) as [number | null];
  expect(code).toBe(0);
});
