import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commonError } from '@lucid/common/apis/error-factory';
import { sessionIdToBytes32 } from '@lucid/common/formats/ids';
import { systemClock } from '@lucid/common/runtime/clock';
import { createLogger } from '@lucid/common/runtime/logger';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { contractAddresses } from '@lucid/contracts/addresses';
import { contractInterfaces } from '@lucid/contracts/interfaces';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openTestChain, type TestChain } from '../../../../test/support/chain.ts';
import { createAnchorChain } from '../../src/clients/anchor-chain-client.ts';
import { createVmClient } from '../../src/clients/vm-client.ts';
import type { RegistrationContent } from '../../src/domain/anchor.ts';
import type { AnchorChain } from '../../src/domain/anchor-chain.ts';
import { AnchorWorker } from '../../src/domain/anchor-worker.ts';
import { callChain } from '../../src/domain/chain-reads.ts';
import type { ChainRpc } from '../../src/domain/json-rpc.ts';
import { openRegistrationSigner, RegistrationSigner } from '../../src/domain/registration.ts';
import { type LevelAnchorStore, openAnchorStore } from '../../src/store/anchor-store.ts';
import { newRegistration } from '../anchor-content.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const signal = new AbortController().signal;
let platform: TestChain;
let rpc: ChainRpc;
let chain: AnchorChain;
let requests = 0;

beforeAll(async () => {
  platform = await openTestChain();
  const client = createVmClient({
    baseUrl: platform.vmUrl,
    issueToken: platform.identity.issuerFor('blockchain-api'),
    timeoutMs: 5000,
    responseBytesMax: 1024 * 1024,
  });
  rpc = {
    send: (calls, aborted) => {
      requests += 1;
      return client.send(calls, aborted);
    },
  };
  chain = createAnchorChain(rpc);
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
});

interface Queue extends AsyncDisposable {
  readonly anchors: LevelAnchorStore;
  readonly signer: RegistrationSigner;
  /** Starts a worker, as a new process would; on `through` instead of the chain itself. */
  start(through?: AnchorChain): AnchorWorker;
  /** Ends the worker, as a crash would, but for the file lock. */
  stop(): Promise<void>;
}

async function openQueue(key = platform.anchorer.privateKey): Promise<Queue> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'lucid-worker-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const store = stack.use(await openLevelStore(folder));
  const clock = systemClock();
  const anchors = stack.use(await openAnchorStore({ store, clock, queueMax: 10_000 }));
  const signer = openRegistrationSigner(key);
  let worker: AnchorWorker | undefined;
  const stop = async () => await worker?.[Symbol.asyncDispose]();
  stack.defer(stop);
  const resources = stack.move();
  return {
    anchors,
    signer,
    start: (through = chain) => {
      worker = new AnchorWorker({
        store: anchors,
        chain: through,
        signer,
        clock,
        logger,
        inFlightMax: 64,
        pollMs: 5,
        random: () => 0,
      });
      worker.start();
      return worker;
    },
    stop,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** As the chain, but for one session of which it says nothing that makes sense. */
const confusedAbout = (sessionId: string): AnchorChain => ({
  ...chain,
  findReceipts: async (hashes, aborted) => (await chain.findReceipts(hashes, aborted)).map(() => undefined),
  findRegistration: async (asked, aborted) => {
    if (asked === sessionId) throw new Error('no sense');
    return await chain.findRegistration(asked, aborted);
  },
});

const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 20_000, interval: 10 });

async function settledAs(queue: Queue, contents: readonly RegistrationContent[], status: string): Promise<void> {
  await eventually(() => {
    const statuses = contents.map(({ sessionId }) => queue.anchors.find(sessionId)?.status);
    expect(new Set(statuses)).toEqual(new Set([status]));
  });
}

/** How often the contract registered the session, by its own events. */
async function countRegistrations(sessionId: string): Promise<number> {
  const topic = contractInterfaces.LucidAnchors.getEvent('SessionRegistered')?.topicHash;
  const filter = {
    address: contractAddresses.LucidAnchors,
    fromBlock: '0x0',
    topics: [topic, sessionIdToBytes32(sessionId)],
  };
  return (await callChain<unknown[]>(rpc, 'eth_getLogs', [filter])).length;
}

async function expectExactlyOnce(contents: readonly RegistrationContent[]): Promise<void> {
  for (const content of contents) {
    expect(await countRegistrations(content.sessionId)).toBe(1);
    const registration = await chain.findRegistration(content.sessionId, signal);
    expect(registration?.content).toEqual(content);
  }
}

const nonceOf = (queue: Queue) => chain.countTransactions(queue.signer.address, signal);

test('two hundred anchors: one transaction each, far fewer requests and syncs', async () => {
  await using queue = await openQueue();
  const contents = Array.from({ length: 200 }, newRegistration);
  await Promise.all(contents.map((content) => queue.anchors.create(content)));
  const before = { nonce: await nonceOf(queue), requests, commits: queue.anchors.commitCount };
  queue.start();
  await settledAs(queue, contents, 'confirmed');
  expect((await nonceOf(queue)) - before.nonce).toBe(200);
  // 13 groups of 16: each is signed in one sync, sent in one request, settled in one sync; the rest are looks for blocks.
  expect(queue.anchors.commitCount - before.commits).toBeLessThan(60);
  expect(requests - before.requests).toBeLessThan(200);
  expect(queue.anchors.waitingCount).toBe(0);
  await expectExactlyOnce(contents.slice(0, 5));
});

describe('a fault at any write', () => {
  /** The chain, with one method failing the first `times`; `after` it took effect, or before. */
  function faulty(method: 'submit' | 'findReceipts' | 'countTransactions', when: 'before' | 'after', times: number) {
    const failures: string[] = [];
    const fail = () => {
      failures.push(method);
      throw commonError('DEPENDENCY_UNAVAILABLE', `${method} failed ${when}`);
    };
    const wrapped = async (...args: never[]): Promise<never> => {
      if (failures.length < times && when === 'before') fail();
      const result = await (chain[method] as (...args: never[]) => Promise<never>)(...args);
      if (failures.length < times) fail();
      return result;
    };
    return { ...chain, [method]: wrapped, failures };
  }

  const cases = [
    ['submit', 'before'],
    ['submit', 'after'],
    ['findReceipts', 'before'],
    ['findReceipts', 'after'],
    ['countTransactions', 'before'],
    ['countTransactions', 'after'],
  ] as const;
  test.each(cases)('%s fails %s its effect', async (method, when) => {
    await using queue = await openQueue();
    const contents = Array.from({ length: 20 }, newRegistration);
    for (const content of contents) await queue.anchors.create(content);
    const before = await nonceOf(queue);
    const through = faulty(method, when, 2);
    const worker = queue.start(through);
    await settledAs(queue, contents, 'confirmed');
    expect(through.failures).toHaveLength(2);
    await eventually(() => expect(worker.fault).toBeUndefined());
    expect((await nonceOf(queue)) - before).toBe(20);
    await expectExactlyOnce(contents);
  });
});

describe('what another process left', () => {
  test('signed and kept, never sent: the same bytes are sent', async () => {
    await using queue = await openQueue();
    const content = newRegistration();
    await queue.anchors.create(content);
    const signed = queue.signer.sign(20_251, await nonceOf(queue), content);
    await queue.anchors.markSubmitted(new Map([[content.sessionId, signed]]));
    queue.start();
    await settledAs(queue, [content], 'confirmed');
    expect(queue.anchors.find(content.sessionId)).toMatchObject({
      attempts: 1,
      transactionHash: signed.transactionHash,
    });
  });

  test('sent and in a block, not noted: it is confirmed without another transaction', async () => {
    await using queue = await openQueue();
    const content = newRegistration();
    await queue.anchors.create(content);
    const nonce = await nonceOf(queue);
    const signed = queue.signer.sign(20_251, nonce, content);
    await queue.anchors.markSubmitted(new Map([[content.sessionId, signed]]));
    await chain.submit([signed.rawTransaction], signal);
    await eventually(async () => expect(await nonceOf(queue)).toBe(nonce + 1));
    queue.start();
    await settledAs(queue, [content], 'confirmed');
    expect(await nonceOf(queue)).toBe(nonce + 1);
    await expectExactlyOnce([content]);
  });

  test('its nonce was used by another transaction of the account: signed anew, once on the chain', async () => {
    await using queue = await openQueue();
    const [content, other] = [newRegistration(), newRegistration()];
    await queue.anchors.create(content);
    const nonce = await nonceOf(queue);
    await queue.anchors.markSubmitted(new Map([[content.sessionId, queue.signer.sign(20_251, nonce, content)]]));
    await chain.submit([queue.signer.sign(20_251, nonce, other).rawTransaction], signal);
    await eventually(async () => expect(await nonceOf(queue)).toBe(nonce + 1));
    queue.start();
    await settledAs(queue, [content], 'confirmed');
    expect(queue.anchors.find(content.sessionId)).toMatchObject({ attempts: 2 });
    await expectExactlyOnce([content, other]);
  });

  test('its nonce lies behind a gap: signed anew', async () => {
    await using queue = await openQueue();
    const content = newRegistration();
    await queue.anchors.create(content);
    const signed = queue.signer.sign(20_251, (await nonceOf(queue)) + 50, content);
    await queue.anchors.markSubmitted(new Map([[content.sessionId, signed]]));
    queue.start();
    await settledAs(queue, [content], 'confirmed');
    await expectExactlyOnce([content]);
  });

  test('another chain: nothing is signed, and the fault says so', async () => {
    await using queue = await openQueue();
    const content = newRegistration();
    await queue.anchors.create(content);
    await queue.anchors.bindChain({ chainId: 1, genesisHash: `0x${'00'.repeat(32)}` });
    const worker = queue.start();
    await eventually(() => expect(worker.fault).toMatchObject({ code: 'ANCHOR_CHAIN_CHANGED' }));
    expect(queue.anchors.find(content.sessionId)).toMatchObject({ status: 'queued', attempts: 0 });
  });
});

describe('what the contract refuses', () => {
  test('a session that is registered with the same content counts as confirmed', async () => {
    await using queue = await openQueue();
    const content = newRegistration();
    const nonce = await nonceOf(queue);
    await chain.submit([queue.signer.sign(20_251, nonce, content).rawTransaction], signal);
    await eventually(async () => expect(await nonceOf(queue)).toBe(nonce + 1));
    await queue.anchors.create(content);
    queue.start();
    await settledAs(queue, [content], 'confirmed');
    const first = await chain.findRegistration(content.sessionId, signal);
    expect(queue.anchors.find(content.sessionId)).toMatchObject({ ...first?.placement });
  });

  test('a session that is registered with other content fails', async () => {
    await using queue = await openQueue();
    const content = newRegistration();
    const nonce = await nonceOf(queue);
    const other = { ...content, chunkCount: content.chunkCount + 1 };
    await chain.submit([queue.signer.sign(20_251, nonce, other).rawTransaction], signal);
    await eventually(async () => expect(await nonceOf(queue)).toBe(nonce + 1));
    await queue.anchors.create(content);
    queue.start();
    await settledAs(queue, [content], 'failed');
    expect(queue.anchors.find(content.sessionId)?.reason).toBe('The session is registered with other content.');
  });

  test("an account without the role: failed with the contract's own reason, and the queue goes on", async () => {
    await using queue = await openQueue(`0x${randomBytes(32).toString('hex')}`);
    const contents = [newRegistration(), newRegistration()];
    for (const content of contents) await queue.anchors.create(content);
    const worker = queue.start();
    await settledAs(queue, contents, 'failed');
    expect(queue.anchors.find(contents[0]?.sessionId ?? '')?.reason).toMatch(/AccessControlUnauthorizedAccount\(0x/);
    expect(worker.fault).toBeUndefined();
  });
});

test('an anchor nobody can make sense of holds no other one', async () => {
  await using queue = await openQueue();
  const [bad, ...good] = [newRegistration(), newRegistration(), newRegistration()];
  if (!bad) throw new Error('there is one');
  for (const content of [bad, ...good]) await queue.anchors.create(content);
  const worker = queue.start(confusedAbout(bad.sessionId));
  await settledAs(queue, good, 'confirmed');
  expect(queue.anchors.find(bad.sessionId)?.status).toBe('submitted');
  await eventually(() => expect(worker.fault?.message).toBe('no sense'));
  await queue.stop();
  queue.start();
  await settledAs(queue, [bad], 'confirmed');
  expect(await countRegistrations(bad.sessionId)).toBe(1);
});
