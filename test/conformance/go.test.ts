import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { encodeVerifierKey } from '@lucid/common/formats/note';
import { encodeTilePath, TILE_WIDTH } from '@lucid/common/formats/tiles';
import { createClient } from '@lucid/common/http/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LedgerServer, startLedger } from '../bench/ledger/ledger-server.ts';
import { buildGoTools } from './go-tools.ts';

/** Ends what takes longer than any of them does, so that a test that fails leaves no process behind. */
const execute = async (program: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
  await promisify(execFile)(program, args, { maxBuffer: 1 << 28, timeout: 240_000, killSignal: 'SIGKILL' });
const buildTimeoutMs = 600_000;

let tools: Awaited<ReturnType<typeof buildGoTools>>;
let folder: string;
beforeAll(async () => {
  tools = await buildGoTools();
  folder = await mkdtemp(join(tmpdir(), 'lucid-go-'));
}, buildTimeoutMs);
afterAll(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true });
});

async function keyOf(ledger: LedgerServer): Promise<string> {
  const { verifierKey } = await createClient(ledgerApi, { baseUrl: ledger.url }).getLogKey({});
  return verifierKey;
}

/** `count` entries from index `first` on, in packed batches, published when it resolves. */
async function append(ledger: LedgerServer, first: number, count: number): Promise<void> {
  const token = await ledger.token();
  const batchMax = 1000;
  for (let at = first; at < first + count; at += batchMax) {
    const size = Math.min(batchMax, first + count - at);
    const parts = Array.from({ length: size }, (_, offset) => {
      const entry = Buffer.from(`entry ${at + offset} ${'.'.repeat((at + offset) % 97)}`);
      return [Buffer.from([entry.length >> 8, entry.length & 255]), entry];
    });
    const answer = await fetch(`${ledger.url}/entries:batch?receipt=${at + size === first + count ? 1 : 0}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-tlog-entries', authorization: `Bearer ${token}` },
      body: Buffer.concat(parts.flat()),
    });
    expect(answer.status, await answer.text()).toBe(201);
  }
}

async function fetchBytes(url: string): Promise<Buffer> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`GET ${url} answered ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

/** The paths of a log's static files at a size: every tile of every level, and every bundle. */
function* staticPaths(treeSize: number): Generator<string> {
  for (let level = 0, count = treeSize; count > 0; level += 1, count = Math.floor(count / TILE_WIDTH)) {
    for (let index = 0; index * TILE_WIDTH < count; index += 1) {
      const width = Math.min(TILE_WIDTH, count - index * TILE_WIDTH);
      yield `/${encodeTilePath({ level, index, width })}`;
      if (level === 0) yield `/${encodeTilePath({ level: 'entries', index, width })}`;
    }
  }
}

describe('golang.org/x/mod/sumdb', () => {
  test('accepts 70,000 entries, their tiles and proofs over HTTP, and refuses every change', async () => {
    await using ledger = await startLedger();
    await append(ledger, 0, 12_345);
    const old = join(folder, 'old.checkpoint');
    await writeFile(old, await fetchBytes(`${ledger.url}/checkpoint`));
    await append(ledger, 12_345, 70_000 - 12_345);
    const { stdout } = await execute(tools.verify, ['-url', ledger.url, '-key', await keyOf(ledger), '-old', old]);
    const counts = JSON.parse(stdout) as { Size: number; Proofs: number; Entries: number; Mutations: number };
    expect(counts).toMatchObject({ Size: 70_000, Entries: 70_000 });
    expect(counts.Proofs).toBeGreaterThan(400);
    expect(counts.Mutations).toBeGreaterThan(50_000);
  }, 300_000);
});

describe('Tessera', () => {
  test('its hammer writes 30,000 leaves while it reads and finds no fault; its fsck agrees, and sees a damaged byte', async () => {
    await using ledger = await startLedger();
    const key = await keyOf(ledger);
    await hammer(ledger, key);
    // Once: the last of what the hammer wrote may be published after it has ended.
    const checkpoint = await fetchBytes(`${ledger.url}/checkpoint`);
    const treeSize = Number(checkpoint.toString().split('\n')[1]);
    expect(treeSize).toBeGreaterThanOrEqual(30_000);
    await writeFile(join(folder, 'log.pub'), key);
    expect(await fsck(`${ledger.url}/`)).toBe('');
    const mirror = join(folder, 'mirror');
    await mkdir(mirror);
    await writeFile(join(mirror, 'checkpoint'), checkpoint);
    for (const path of staticPaths(treeSize)) {
      await mkdir(dirname(mirror + path), { recursive: true });
      await writeFile(mirror + path, await fetchBytes(ledger.url + path));
    }
    expect(await fsck(`file://${mirror}/`)).toBe('');
    for (const path of [...staticPaths(treeSize)].slice(0, 4))
      expect(await fsckDamaged(mirror, path), path).not.toBe('');
  }, 300_000);

  async function hammer(ledger: LedgerServer, key: string): Promise<void> {
    const { stderr } = await execute(tools.hammer, [
      `--log_public_key=${key}`,
      `--log_url=${ledger.url}/`,
      `--bearer_token_write=${await ledger.token()}`,
      '--max_read_ops=1024',
      '--num_readers_random=8',
      '--num_readers_full=2',
      '--num_writers=128',
      '--max_write_ops=20000',
      '--leaf_write_goal=30000',
      '--max_runtime=3m',
      '--show_ui=false',
    ]);
    expect(stderr.split('\n').filter((line) => /^[EF][0-9]{4} /.test(line))).toEqual([]);
  }

  /** What it complains of; its exit code is 0 all the same. */
  async function fsck(url: string): Promise<string> {
    const flags = [`--storage_url=${url}`, `--public_key=${join(folder, 'log.pub')}`, '--ui=false', '--v=1', '--N=4'];
    const { stderr } = await execute(tools.fsck, flags);
    expect(stderr).toContain('Completed ranges');
    return stderr
      .split('\n')
      .filter((line) => /^[EF][0-9]{4} /.test(line))
      .join('\n');
  }

  /** Within the first hash of a tile and the first entry of a bundle, past its size: of a wrong size fsck itself dies. */
  const damagedAt = 5;

  async function fsckDamaged(mirror: string, path: string): Promise<string> {
    const damaged = `${mirror}-damaged`;
    await cp(mirror, damaged, { recursive: true });
    const file = await open(damaged + path, 'r+');
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, damagedAt);
    await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, damagedAt);
    await file.close();
    const complaints = await fsck(`file://${damaged}/`);
    await rm(damaged, { recursive: true });
    return complaints;
  }
});

/** A program that runs until it is disposed. */
class Running implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #errors: string[] = [];

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.on('error', (error) => this.#errors.push(String(error)));
    createInterface({ input: this.#child.stderr as NodeJS.ReadableStream }).on('line', (line) =>
      this.#errors.push(line),
    );
  }

  async firstLine(): Promise<string> {
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    const ended = once(this.#child, 'close').then(() => Promise.reject(new Error(this.#errors.join('\n'))));
    const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
    return line;
  }

  /** The first line of its standard error that matches, and what of it did. */
  async error(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = this.#errors.map((line) => pattern.exec(line)).find((found) => found !== null);
      if (match) return match[1] ?? match[0];
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw new Error(this.#errors.join('\n'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function keyPair(): { privateKey: string; publicKey: Buffer; seed: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).subarray(-32),
    seed: privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32),
  };
}

describe('litewitness', () => {
  test('cosigns 20 of 20 of our checkpoints', async () => {
    const { privateKey, publicKey } = keyPair();
    const origin = 'bench.test/lucid/lucid';
    const logKey = encodeVerifierKey(origin, publicKey);
    await using stack = new AsyncDisposableStack();
    const socket = join(folder, 'agent.sock');
    const agent = stack.use(new Running(tools.agent, [socket]));
    const fingerprint = await agent.firstLine();
    const database = join(folder, 'litewitness.db');
    registerLog(database, origin, logKey);
    const port = await freePort();
    const names = ['-name', 'witness.test/lite', '-db', database, '-ssh-agent', socket, '-key', fingerprint];
    const witness = stack.use(new Running(tools.litewitness, [...names, '-listen', `127.0.0.1:${port}`]));
    const witnessKey = await witness.error(/vkey=(\S+)/);
    await witness.error(/msg=listening/);
    const policy = join(folder, 'policy');
    await writeFile(policy, `log ${logKey}\nwitness lite ${witnessKey} http://127.0.0.1:${port}/\nquorum lite\n`);
    const env = { LEDGER_ORIGIN_HOST: 'bench.test', LEDGER_WITNESS_POLICY_FILE: policy };
    const ledger = stack.use(await startLedger({ env, logKey: privateKey }));
    const cosigned = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      await append(ledger, round * 10, 10);
      const [head = '', signatures = ''] = (await fetchBytes(`${ledger.url}/checkpoint`)).toString().split('\n\n');
      expect(head.split('\n')[1]).toBe(String(round * 10 + 10));
      expect(signatures).toContain('\n\u2014 witness.test/lite ');
      cosigned.add(head);
    }
    expect(cosigned.size).toBe(20);
  }, 120_000);

  /** What its own tool, which cannot be had through the module proxy whole, writes of a log it shall cosign. */
  function registerLog(database: string, origin: string, logKey: string): void {
    const db = new DatabaseSync(database);
    db.exec(`
      CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);
      CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));
    `);
    const emptyRoot = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
    db.prepare('INSERT INTO log VALUES (?, 0, ?)').run(origin, emptyRoot);
    db.prepare('INSERT INTO key VALUES (?, ?)').run(origin, logKey);
    db.close();
  }
});

describe('a log of Tessera\u2019s', () => {
  test('has 20 of 20 checkpoints cosigned by our witness', async () => {
    const { publicKey, seed } = keyPair();
    const origin = 'tessera.test/log';
    const logKey = encodeVerifierKey(origin, publicKey);
    const logs = join(folder, 'known-logs');
    await writeFile(logs, `logs/v0\nvkey ${logKey}\n`);
    const witnessKey = join(folder, 'witness.key');
    await writeFile(witnessKey, keyPair().privateKey);
    const env = { LEDGER_WITNESS_KEY_FILE: witnessKey, LEDGER_WITNESS_LOGS_FILE: logs };
    await using ledger = await startLedger({ env });
    const { name, verifierKeys } = await createClient(ledgerApi, { baseUrl: ledger.url }).getWitness({});
    const policy = join(folder, 'tessera-policy');
    await writeFile(policy, `witness ours ${verifierKeys[0]} ${ledger.url}/witness\nquorum ours\n`);
    const secret = Buffer.concat([Buffer.from([1]), seed]).toString('base64');
    const key = `PRIVATE+KEY+${origin}+${logKey.split('+')[1]}+${secret}`;
    const place = join(folder, `tessera-${randomBytes(4).toString('hex')}`);
    const { stdout } = await execute(tools.tesseralog, ['-dir', place, '-key', key, '-policy', policy, '-count', '20']);
    const { published, checkpoint } = JSON.parse(stdout) as { published: number; checkpoint: string };
    expect(published).toBe(20);
    expect(checkpoint).toContain(`${origin}\n20\n`);
    expect(checkpoint).toContain(`\u2014 ${name} `);
  }, 180_000);
});
