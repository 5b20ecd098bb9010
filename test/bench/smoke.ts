import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServiceTokenIssuer, parseServiceKey } from '@lucid/common/http/tokens';
import type { ServiceName } from '@lucid/platform/ports';
import { Wallet } from 'ethers';
import { Pool } from 'undici';
import { type Round, runLoad, type Server, startServer } from './measure.ts';
import type { Comparison } from './report.ts';
import { recordedChunks, type UploadTarget } from './upload-target.ts';

type Say = (line: string) => void;
interface PlatformFacts {
  readonly urls: Readonly<Record<ServiceName, string>>;
  readonly keysFolder: string;
}
interface PeerFacts {
  readonly url: string;
}
interface Bench {
  readonly platform: Server<PlatformFacts>;
  readonly noop: Server<PeerFacts>;
  readonly token: (audience: string) => Promise<string>;
  readonly say: Say;
}

const rounds = 3;
const callers = 64;

/** First figures of the main paths, small enough for every CI run: append, chunk upload, transactions, the gateway. */
export async function smoke(say: Say): Promise<Comparison[]> {
  say('starting the platform and its peers, a process each');
  await using platform = await startServer<PlatformFacts>('platform-server.ts');
  await using noop = await startServer<PeerFacts>('peers/fastify-noop.ts');
  const pem = await readFile(join(platform.facts.keysFolder, 'service.key'), 'utf8');
  const token = createServiceTokenIssuer(parseServiceKey(pem), 'bench');
  const bench: Bench = { platform, noop, token, say };
  return [await append(bench), await upload(bench), await transactions(bench), await gatewayReads(bench)];
}

/** Alternates ours and the peer, one warm-up each, so that a noisy neighbour hits both. */
async function takeTurns(ours: () => Promise<Round>, theirs: () => Promise<Round>) {
  await ours();
  await theirs();
  const taken = { ours: [] as Round[], theirs: [] as Round[] };
  for (let round = 0; round < rounds; round += 1) {
    taken.ours.push(await ours());
    taken.theirs.push(await theirs());
  }
  return taken;
}

async function post(
  pool: Pool,
  path: string,
  body: Uint8Array | string,
  headers: Record<string, string>,
): Promise<unknown> {
  const answer = await pool.request({ method: 'POST', path, body, headers });
  const json = await answer.body.json();
  if (answer.statusCode >= 300) throw new Error(`POST ${path} answered ${answer.statusCode}: ${JSON.stringify(json)}`);
  return json;
}

async function append({ platform, noop, token, say }: Bench): Promise<Comparison> {
  say('ledger: single appends of 200 B, synced before the answer, 64 callers');
  const authorization = `Bearer ${await token('ledger')}`;
  const headers = { 'content-type': 'application/octet-stream', authorization };
  const run = async (url: string, pid: number) => {
    const pool = new Pool(url, { connections: callers });
    const round = await runLoad(
      pid,
      callers,
      4000,
      async () => void (await post(pool, '/entries', randomBytes(200), headers)),
    );
    await pool.close();
    return round;
  };
  const taken = await takeTurns(
    () => run(platform.facts.urls.ledger, platform.pid),
    () => run(noop.facts.url, noop.pid),
  );
  return { name: 'ledger append', unit: 'entries', peer: 'the same Fastify route doing nothing', ...taken };
}

async function upload({ platform, say }: Bench): Promise<Comparison> {
  say('sessions: chunks of 8 MiB streamed to disk and synced, 4 callers');
  const folder = await mkdtemp(join(tmpdir(), 'lucid-bench-plain-'));
  await using plain = await startServer<PeerFacts>('peers/plain-upload.ts', [folder]);
  const chunkCount = 12;
  const send = async (target: UploadTarget, pid: number) => {
    const pool = new Pool(target.origin, { connections: 4 });
    const round = await runLoad(pid, 4, chunkCount, async (index) => {
      const { path, headers, body } = target.request(index);
      const answer = await pool.request({ method: 'PUT', path, headers, body });
      const text = await answer.body.text();
      if (answer.statusCode >= 300) throw new Error(`PUT ${path} answered ${answer.statusCode}: ${text}`);
    });
    await pool.close();
    return round;
  };
  const { sessionTarget, plainTarget } = await recordedChunks(platform.facts, chunkCount);
  const taken = await takeTurns(
    async () => await send(await sessionTarget(), platform.pid),
    async () => await send(plainTarget(plain.facts.url), plain.pid),
  );
  await rm(folder, { recursive: true });
  return {
    name: 'chunk upload',
    unit: 'MiB',
    peer: 'a plain Node server, body to disk and fsync',
    unitsPerOperation: 8,
    ...taken,
  };
}

async function transactions({ platform, noop, token, say }: Bench): Promise<Comparison> {
  say('chain: signed transfers through JSON-RPC until the last is in a block');
  const count = 600;
  const authorization = `Bearer ${await token('blockchain-api')}`;
  const headers = { 'content-type': 'application/json', authorization };
  const rpc = async (pool: Pool, method: string, params: unknown[]) => {
    const answer = await post(pool, '/rpc', JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), headers);
    return (answer as { result: unknown }).result;
  };
  const run = async (url: string, pid: number, isOurs: boolean) => {
    const signed = await signTransfers(count);
    const pool = new Pool(url, { connections: callers });
    const round = await runLoad(pid, 6, count, async (index) => {
      const hash = await rpc(pool, 'eth_sendRawTransaction', [signed[index]]);
      if (!isOurs || index < count - 6) return;
      while ((await rpc(pool, 'eth_getTransactionReceipt', [hash])) === null) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });
    await pool.close();
    return round;
  };
  const taken = await takeTurns(
    () => run(platform.facts.urls['blockchain-api'], platform.pid, true),
    () => run(noop.facts.url, noop.pid, false),
  );
  return {
    name: 'transfers, durable',
    unit: 'transactions',
    peer: 'a Fastify route that answers a constant',
    ...taken,
  };
}

/** Transfers of nothing from six fresh senders: members pay no gas, so nobody needs funds. */
async function signTransfers(count: number): Promise<string[]> {
  const senders = Array.from({ length: 6 }, () => new Wallet(`0x${randomBytes(32).toString('hex')}`));
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const sender = senders[index % senders.length] as Wallet;
      const nonce = Math.floor(index / senders.length);
      const fees = { gasLimit: 21_000, maxFeePerGas: 0, maxPriorityFeePerGas: 0 };
      return await sender.signTransaction({ type: 2, chainId: 20_251, nonce, to: sender.address, value: 0, ...fees });
    }),
  );
}

async function gatewayReads({ platform, say }: Bench): Promise<Comparison> {
  say('gateway: the ledger’s checkpoint through it, and from the ledger itself');
  const run = async (origin: string, path: string) => {
    const pool = new Pool(origin, { connections: 16 });
    const round = await runLoad(platform.pid, 16, 3000, async () => {
      const answer = await pool.request({ method: 'GET', path });
      if (answer.statusCode !== 200) throw new Error(`GET ${path} answered ${answer.statusCode}`);
      await answer.body.dump();
    });
    await pool.close();
    return round;
  };
  const taken = await takeTurns(
    () => run(platform.facts.urls.gateway, '/api/v1/ledger/checkpoint'),
    () => run(platform.facts.urls.ledger, '/checkpoint'),
  );
  return { name: 'gateway GET', unit: 'requests', peer: 'the ledger asked directly (same process)', ...taken };
}
