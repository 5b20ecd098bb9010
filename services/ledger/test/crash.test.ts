import { generateKeyPairSync, randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { parseHex } from '@lucid/common/formats/bytes';
import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import { verifyConsistency } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { type Client, createClient } from '@lucid/common/http/client';
import { createServiceTokenIssuer, parseServiceKey } from '@lucid/common/http/tokens';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LedgerProcess } from './support/ledger-process.ts';

const roundCount = 12;
const callerCount = 8;

type Ledger = Client<typeof ledgerApi.operations>;
type Seen = { treeSize: number; rootHash: Uint8Array };

describe(`a ledger killed ${roundCount} times at random moments`, () => {
  const acknowledged = new Map<number, string>();
  const asked = new Set<string>();
  const seen: Seen[] = [];
  let folder: string;
  let env: Record<string, string>;
  let issueToken: (audience: string) => Promise<string>;
  let current: LedgerProcess | undefined;
  let ledger: Ledger;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lucid-crash-'));
    const pem = (): string =>
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const serviceKey = pem();
    await writeFile(join(folder, 'service.key'), serviceKey);
    await writeFile(join(folder, 'ledger.key'), pem());
    issueToken = createServiceTokenIssuer(parseServiceKey(serviceKey), 'sessions');
    env = {
      LEDGER_DATA_DIR: join(folder, 'data'),
      LEDGER_KEY_FILE: join(folder, 'ledger.key'),
      SERVICE_KEY_FILE: join(folder, 'service.key'),
      LEDGER_LOG_LEVEL: 'info',
    };
  });
  afterAll(async () => {
    await current?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const clientOf = (baseUrl: string): Ledger =>
    createClient(ledgerApi, { baseUrl, token: () => issueToken('ledger'), attemptsMax: 1 });

  /** Opens what the round before left; callers append until the process is killed, after a random number of answers. */
  async function appendAndKill(round: number): Promise<void> {
    const child = (current = new LedgerProcess(env));
    const client = clientOf(await child.ready);
    let left = randomInt(1, 150);
    let isKilled = false;
    const call = async (caller: number): Promise<void> => {
      for (let count = 0; !isKilled; count += 1) {
        const text = `round ${round} caller ${caller} entry ${count}`;
        asked.add(text);
        await append(client, text, count % 4 === 0);
        left -= 1;
        if (left > 0) continue;
        isKilled = true;
        child.kill('SIGKILL');
      }
    };
    await Promise.allSettled(Array.from({ length: callerCount }, (_, caller) => call(caller)));
    await child[Symbol.asyncDispose]();
    expect(isKilled).toBe(true);
  }

  async function append(client: Ledger, text: string, withReceipt: boolean): Promise<void> {
    const { leafIndex, receipt } = await client.appendEntry(
      { query: { receipt: withReceipt ? 1 : 0 }, body: { entry: Buffer.from(text).toString('base64') } },
      { idempotencyKey: text.replaceAll(' ', '-') },
    );
    expect(acknowledged.get(leafIndex) ?? text).toBe(text);
    acknowledged.set(leafIndex, text);
    if (receipt === undefined) return;
    const [, size = '', root = ''] = receipt.slice(receipt.indexOf('\n\n') + 2).split('\n');
    seen.push({ treeSize: Number(size), rootHash: Buffer.from(root, 'base64') });
  }

  async function readAll(): Promise<string[]> {
    const texts: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page: { items: readonly { entry: string }[]; next?: string } = await ledger.listEntries({
        query: { limit: 200, ...(cursor ? { cursor } : {}) },
      });
      texts.push(...page.items.map(({ entry }) => Buffer.from(entry, 'base64').toString()));
      if (!page.next) return texts;
      cursor = page.next;
    }
  }

  test.each(Array.from({ length: roundCount }, (_, round) => round))(
    'opens, appends and is killed (%i)',
    appendAndKill,
  );

  test('has every acknowledged entry at its index', async () => {
    current = new LedgerProcess(env);
    ledger = clientOf(await current.ready);
    const texts = await readAll();
    expect(acknowledged.size).toBeGreaterThanOrEqual(roundCount);
    for (const [leafIndex, text] of acknowledged) expect(texts[leafIndex]).toBe(text);
  });

  test('takes every request again without writing anything twice', async () => {
    const known = new Map([...acknowledged].map(([leafIndex, text]) => [text, leafIndex]));
    for (const text of asked) {
      const body = { entry: Buffer.from(text).toString('base64') };
      const { leafIndex } = await ledger.appendEntry({ body }, { idempotencyKey: text.replaceAll(' ', '-') });
      expect(known.get(text) ?? leafIndex).toBe(leafIndex);
    }
    const texts = await readAll();
    expect(texts.toSorted()).toEqual([...asked].toSorted());
  });

  test('is consistent with every checkpoint anybody saw', async () => {
    const { verifierKey, treeSize, rootHash } = await ledger.getLogKey();
    const checkpoint = await openCheckpoint(await (await ledger.getCheckpoint()).text(), [
      parseVerifierKey(verifierKey),
    ]);
    expect(checkpoint.treeSize).toBe(treeSize);
    const sizes = new Map(seen.map((older) => [older.treeSize, older]));
    for (const older of sizes.values()) {
      const { proof } = await ledger.getConsistencyProof({ query: { oldSize: older.treeSize, newSize: treeSize } });
      verifyConsistency({
        oldSize: older.treeSize,
        newSize: treeSize,
        oldRoot: older.rootHash,
        newRoot: parseHex(rootHash),
        proof: proof.map((hash) => parseHex(hash)),
      });
    }
    expect(sizes.size).toBeGreaterThan(0);
  });

  test('a second process on its folder is refused and the first goes on', async () => {
    await using second = new LedgerProcess(env);
    expect(await second.exit).toBe(1);
    expect(second.lines.at(-1)).toMatchObject({ level: 'fatal', code: 'STORE_LOCKED' });
    expect((await ledger.getLogKey()).treeSize).toBe(asked.size);
  });
});
