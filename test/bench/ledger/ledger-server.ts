import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseServiceKey, serviceIssuer } from '@lucid/common/http/tokens';
import { SignJWT } from 'jose';

const main = fileURLToPath(new URL('../../../services/ledger/src/main.ts', import.meta.url));
/** On the disk of the checkout: a temporary folder may be memory. */
export const benchFolder = fileURLToPath(new URL('../../../.cache/bench/', import.meta.url));

export interface LedgerServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Of a service that may append; good for an hour. */
  readonly token: () => Promise<string>;
}

export interface LedgerServerOptions {
  /** The log's key, PEM; a new one unless given. */
  readonly logKey?: string;
  /** Added to its environment: the disk shim, a switch to compare. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where a processor profile is written when it ends. */
  readonly profileFolder?: string | undefined;
}

/** A folder on the checkout's disk that is gone at the end. */
export async function benchScratch(): Promise<AsyncDisposable & { readonly path: string }> {
  await mkdir(benchFolder, { recursive: true });
  const path = await mkdtemp(join(benchFolder, 'scratch-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** The ledger as it runs in production, in a process and a folder of its own. */
export async function startLedger({
  env = {},
  logKey,
  profileFolder,
}: LedgerServerOptions = {}): Promise<LedgerServer> {
  await using stack = new AsyncDisposableStack();
  const scratch = stack.use(await benchScratch());
  const pem = (): string =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const serviceKey = pem();
  await writeFile(join(scratch.path, 'service.key'), serviceKey);
  await writeFile(join(scratch.path, 'ledger.key'), logKey ?? pem());
  const profiling = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  const child = spawn(process.execPath, ['--conditions=source', ...profiling, main], {
    env: {
      LEDGER_PORT: '0',
      LEDGER_DATA_DIR: join(scratch.path, 'data'),
      LEDGER_KEY_FILE: join(scratch.path, 'ledger.key'),
      SERVICE_KEY_FILE: join(scratch.path, 'service.key'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stack.defer(() => end(child));
  const url = await readUrl(child);
  const owned = stack.move();
  const key = parseServiceKey(serviceKey);
  return {
    url,
    pid: child.pid ?? 0,
    token: () =>
      new SignJWT({ role: ['service'] })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
        .setIssuer(serviceIssuer)
        .setSubject('bench')
        .setAudience('ledger')
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(key.privateKey),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Its log is drained to the end of its life, unread: a full pipe would stop it. */
async function readUrl(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.once('exit', (code) => reject(new Error(`the ledger ended with exit code ${code} before it was ready`)));
  const output = child.stdout as Readable;
  const lines = createInterface({ input: output });
  lines.on('line', (line) => {
    const { url } = JSON.parse(line) as { url?: string };
    if (url?.startsWith('http')) resolve(url);
  });
  const url = await promise;
  lines.close();
  output.removeAllListeners('data').resume();
  return url;
}
