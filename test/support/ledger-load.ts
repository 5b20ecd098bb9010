import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHttpSource } from '@lucid/client/log/http-source';
import { verifyLog } from '@lucid/client/log/verify-log';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { parseHex, toHex } from '@lucid/common/formats/bytes';
import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import { leafHash, verifyConsistency } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { encodeLogPolicy, parsePolicy } from '@lucid/common/formats/policy';
import { type Client, createClient } from '@lucid/common/http/client';
import { createServiceTokenIssuer, parseServiceKey } from '@lucid/common/http/tokens';
import { LedgerProcess } from '../../services/ledger/test/support/ledger-process.ts';

export type LedgerClient = Client<typeof ledgerApi.operations>;

/** A signed checkpoint and its root, base64. */
type Seen = { readonly note: string; readonly root: string };

const callerCount = 8;
const pageSize = 200;

/**
 * Several callers of a ledger that is killed, cut off or broken under them, and what they may hold it to afterwards:
 * every entry it acknowledged, at its index, and every checkpoint it showed.
 */
export class LedgerLoad {
  /** The texts of what was acknowledged, by index. */
  readonly acknowledged = new Map<number, string>();
  /** Every request ever made: its Idempotency-Key and its texts. */
  readonly asked = new Map<string, readonly string[]>();
  /** The checkpoints it showed, by size. */
  readonly seen = new Map<number, Seen>();
  /** Codes of the refusals, and how often each came. */
  readonly refusals = new Map<string, number>();
  readonly env: Readonly<Record<string, string>>;
  /** What the ledger keeps is in here, its published checkpoint too. */
  readonly dataFolder: string;
  readonly #issueToken: (audience: string) => Promise<string>;
  #unchecked = new Set<number>();
  #url = '';

  private constructor(folder: string, serviceKey: string) {
    this.dataFolder = join(folder, 'disk');
    this.#issueToken = createServiceTokenIssuer(parseServiceKey(serviceKey), 'sessions');
    this.env = {
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
      LEDGER_DATA_DIR: join(this.dataFolder, 'data'),
      LEDGER_KEY_FILE: join(folder, 'ledger.key'),
      SERVICE_KEY_FILE: join(folder, 'service.key'),
    };
  }

  /** Makes keys in `folder`, and in it an empty `disk` for the ledger, unless they are there. */
  static async create(folder: string): Promise<LedgerLoad> {
    const path = join(folder, 'service.key');
    if (!existsSync(path)) {
      for (const name of ['service.key', 'ledger.key']) {
        const { privateKey } = generateKeyPairSync('ed25519');
        await writeFile(join(folder, name), privateKey.export({ type: 'pkcs8', format: 'pem' }));
      }
      await mkdir(join(folder, 'disk'));
    }
    return new LedgerLoad(folder, await readFile(path, 'utf8'));
  }

  start(environment: Readonly<Record<string, string>> = {}, before: readonly string[] = []): LedgerProcess {
    return new LedgerProcess({ ...this.env, ...environment }, before);
  }

  clientOf(baseUrl: string): LedgerClient {
    this.#url = baseUrl;
    return createClient(ledgerApi, { baseUrl, token: () => this.#issueToken('ledger'), attemptsMax: 1 });
  }

  /** Callers append, each one request at a time, until it is over or one of theirs is refused. */
  async appendUntil(client: LedgerClient, name: string, isOver: () => boolean): Promise<void> {
    const call = async (caller: number): Promise<void> => {
      for (let count = 0; !isOver(); count += 1) await this.append(client, `${name}-${caller}-${count}`, count);
    };
    await Promise.all(
      Array.from({ length: callerCount }, async (_, caller) => {
        await call(caller).catch((error: unknown) => this.#note(error));
      }),
    );
  }

  /** One request: by `count`, now and then a batch, or one that waits for its receipt. Entries are of `size` bytes. */
  async append(client: LedgerClient, key: string, count = 1, { size = 0, batchSize = 3 } = {}): Promise<void> {
    const isBatch = count % 5 === 0;
    const texts = Array.from({ length: isBatch ? batchSize : 1 }, (_, item) => `${key}#${item}`.padEnd(size, '.'));
    this.asked.set(key, texts);
    const entries = texts.map((text) => Buffer.from(text).toString('base64'));
    const query = { receipt: count % 4 === 0 ? 1 : 0 };
    const options = { idempotencyKey: key };
    if (isBatch) {
      const { firstIndex, receipt } = await client.appendEntries({ query, body: { entries } }, options);
      for (const [offset, text] of texts.entries()) this.#acknowledge(firstIndex + offset, text);
      if (receipt) this.#see(receipt.checkpoint);
      return;
    }
    const { leafIndex, receipt } = await client.appendEntry({ query, body: { entry: entries[0] ?? '' } }, options);
    this.#acknowledge(leafIndex, texts[0] ?? '');
    if (receipt !== undefined) this.#see(receipt.slice(receipt.indexOf('\n\n') + 2));
  }

  #acknowledge(leafIndex: number, text: string): void {
    const known = this.acknowledged.get(leafIndex);
    if (known !== undefined && known !== text) throw new Error(`entry ${leafIndex} is "${known}" and "${text}"`);
    this.acknowledged.set(leafIndex, text);
    this.#unchecked.add(leafIndex);
  }

  #see(note: string): void {
    const [, size = '', root = ''] = note.split('\n');
    const known = this.seen.get(Number(size));
    if (known && known.root !== root) throw new Error(`two checkpoints of ${size} entries`);
    this.seen.set(Number(size), { note, root });
  }

  #note(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }

  /** What was acknowledged since the last check is there, and the newest checkpoint follows from the last one seen. */
  async check(client: LedgerClient): Promise<void> {
    const unchecked = [...this.#unchecked].toSorted((a, b) => a - b);
    let [from, texts]: [number, string[]] = [0, []];
    for (const index of unchecked) {
      if (index >= from + texts.length) {
        from = index;
        texts = await readPage(client, index);
      }
      this.#require(index, texts[index - from]);
    }
    this.#unchecked = new Set();
    await this.#checkConsistency(client);
  }

  /** Everything: each entry ever acknowledged, and, as a stranger, the whole log and each checkpoint ever seen. */
  async checkAll(client: LedgerClient): Promise<void> {
    const { verifierKey, treeSize } = await client.getLogKey({});
    const report = await verifyLog({
      source: createHttpSource({ url: this.#url }),
      policy: parsePolicy(encodeLogPolicy(verifierKey)),
      earlier: [...this.seen.values()].map(({ note }) => note),
    });
    if (!report.ok) throw new Error(`the log does not verify: ${JSON.stringify(report.problems)}`);
    const texts = await readAll(client);
    if (texts.length < treeSize) throw new Error(`the log has ${treeSize} entries and shows ${texts.length}`);
    for (const index of this.acknowledged.keys()) this.#require(index, texts[index]);
    for (let index = 0; index < texts.length; index += 7) {
      const hash = toHex(leafHash(Buffer.from(texts[index] ?? '')));
      const { leafIndex } = await client.findEntryByHash({ params: { leafHash: hash } });
      if (leafIndex !== index) throw new Error(`entry ${index} is found by its hash at ${leafIndex}`);
    }
  }

  /** Asks everything again, in any order: nothing is written twice, and what was acknowledged keeps its index. */
  async repeatAll(client: LedgerClient): Promise<void> {
    const keys = [...this.asked.keys()];
    const take = async (): Promise<void> => {
      for (let key = keys.pop(); key !== undefined; key = keys.pop()) await this.#repeat(client, key);
    };
    await Promise.all(Array.from({ length: callerCount }, take));
    const texts = await readAll(client);
    const wanted = [...this.asked.values()].flat().toSorted();
    if (texts.toSorted().join('\n') !== wanted.join('\n')) throw new Error('the log is not what was asked, once each');
  }

  async #repeat(client: LedgerClient, key: string): Promise<void> {
    const texts = this.asked.get(key) ?? [];
    const entries = texts.map((text) => Buffer.from(text).toString('base64'));
    const { firstIndex } = await client.appendEntries({ body: { entries } }, { idempotencyKey: key });
    for (const [offset, text] of texts.entries()) this.#acknowledge(firstIndex + offset, text);
  }

  #require(index: number, found: string | undefined): void {
    const text = this.acknowledged.get(index);
    if (text !== found) throw new Error(`entry ${index} was acknowledged as "${text}" and is "${found}"`);
  }

  async #checkConsistency(client: LedgerClient): Promise<void> {
    const { verifierKey } = await client.getLogKey({});
    const note = await (await client.getCheckpoint({})).text();
    const { treeSize, rootHash } = await openCheckpoint(note, [parseVerifierKey(verifierKey)]);
    const oldSize = Math.max(0, ...this.seen.keys());
    const oldRoot = Buffer.from(this.seen.get(oldSize)?.root ?? '', 'base64');
    this.#see(note);
    if (oldSize > treeSize) throw new Error(`a checkpoint of ${oldSize} entries was shown, now there are ${treeSize}`);
    if (oldSize === 0) return;
    const { proof } = await client.getConsistencyProof({ query: { oldSize, newSize: treeSize } });
    const hashes = proof.map((hash) => parseHex(hash));
    verifyConsistency({ oldSize, newSize: treeSize, oldRoot, newRoot: rootHash, proof: hashes });
  }
}

async function readPage(client: LedgerClient, from: number): Promise<string[]> {
  const { items } = await client.listEntries({ query: { from, limit: pageSize } });
  return items.map(({ entry }) => Buffer.from(entry, 'base64').toString());
}

async function readAll(client: LedgerClient): Promise<string[]> {
  const texts: string[] = [];
  for (let page = await readPage(client, 0); page.length > 0; page = await readPage(client, texts.length)) {
    texts.push(...page);
  }
  return texts;
}
