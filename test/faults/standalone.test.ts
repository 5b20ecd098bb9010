import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AnchorContent } from '@lucid/common/apis/blockchain';
import { expect, test, vi } from 'vitest';
import { StandaloneProcess } from '../support/standalone-process.ts';
import { findReceipt, type Receipt, sendUntilGone } from '../support/transactions.ts';

// The standalone's process is killed (SIGKILL) again and again while it anchors and takes transactions. What was
// acknowledged, an anchor by its answer and a transaction by its receipt, must be there after the next start.

const killCount = 8;
const callerCount = 4;
const patience = { timeout: 120_000 };

const newAnchor = (): AnchorContent => ({
  sessionId: randomUUID(),
  manifestHash: randomBytes(32).toString('hex'),
  merkleRoot: randomBytes(32).toString('hex'),
  owner: `0x${randomBytes(20).toString('hex')}`,
  startedAt: new Date().toISOString(),
  chunkCount: 1,
});

async function anchorUntilGone({ client }: StandaloneProcess, acknowledged: AnchorContent[]): Promise<void> {
  for (;;) {
    const content = newAnchor();
    try {
      await client.createAnchor({ body: content });
    } catch {
      return;
    }
    acknowledged.push(content);
  }
}

/** Both kinds of load at once; resolves when the process is gone. */
async function load(running: StandaloneProcess, anchors: AnchorContent[], sent: Receipt[]): Promise<void> {
  const callers = Array.from({ length: callerCount }, async () => {
    await Promise.all([
      anchorUntilGone(running, anchors),
      sendUntilGone(running.client, (receipt) => void sent.push(receipt)),
    ]);
  });
  await Promise.all(callers);
}

async function expectKept({ client }: StandaloneProcess, sent: readonly Receipt[]): Promise<void> {
  for (const receipt of sent) expect(await findReceipt(client, receipt.transactionHash)).toEqual(receipt);
}

test(`killed ${killCount} times under load: every receipt and every acknowledged anchor is there, and SIGTERM ends it`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-standalone-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => await rm(folder, { recursive: true, force: true }));
  const anchors: AnchorContent[] = [];
  const sent: Receipt[] = [];
  let checkedCount = 0;
  for (let kill = 0; kill < killCount; kill += 1) {
    await using running = await StandaloneProcess.start(folder);
    await expectKept(running, sent.slice(checkedCount));
    checkedCount = sent.length;
    const loading = load(running, anchors, sent);
    // The moment is the experiment: every other time from before the first write on, else once blocks were made.
    if (kill % 2 === 0) await vi.waitFor(() => expect(sent.length).toBeGreaterThan(checkedCount), patience);
    await delay(randomInt(20, 400));
    await running.end('SIGKILL');
    await loading;
  }
  expect(anchors.length).toBeGreaterThan(0);
  expect(sent.length).toBeGreaterThanOrEqual(killCount / 2);

  await using last = await StandaloneProcess.start(folder);
  await expectKept(last, sent);
  await vi.waitFor(
    async () => {
      for (const status of ['queued', 'submitted'] as const) {
        expect((await last.client.listAnchors({ query: { status, limit: 1 } })).items).toEqual([]);
      }
    },
    { ...patience, interval: 100 },
  );
  expect((await last.client.listAnchors({ query: { status: 'failed' } })).items).toEqual([]);
  for (const content of anchors) {
    const { sessionId } = content;
    expect(await last.client.getAnchor({ params: { sessionId } })).toMatchObject({ ...content, status: 'confirmed' });
  }

  const sentBefore = sent.length;
  const loading = load(last, anchors, sent);
  await vi.waitFor(() => expect(sent.length).toBeGreaterThan(sentBefore), patience);
  expect(await last.end('SIGTERM')).toBe(0);
  await loading;
  expect(await readdir(folder)).toEqual(['blockchain-api', 'keys', 'ledger', 'vm']);
});
