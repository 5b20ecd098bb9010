import { cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStandalone } from '@lucid/blockchain-api/standalone';
import { configSchema } from '@lucid/blockchain-api/standalone/config';
import { ensurePlatformKeys } from '@lucid/cli/setup/keys';
import { blockchainApi } from '@lucid/common/apis/blockchain';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { parseHex } from '@lucid/common/formats/bytes';
import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import { parseBlockEntry } from '@lucid/common/formats/ledger-entries';
import { verifyConsistency } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { type Client, createClient } from '@lucid/common/http/client';
import { type Environment, loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { type RunningService, startService } from '@lucid/common/runtime/run';
import { startPlatform } from '@lucid/platform/platform';
import { findFirstPort, portsFrom } from '@lucid/platform/ports';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { newAnchorContent } from '../../services/blockchain-api/test/anchor-content.ts';
import { createTestIdentity } from '../support/identity.ts';
import { readPlatformTokens } from '../support/platform-tokens.ts';
import { findReceipt, sendTransactions } from '../support/transactions.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const patience = { timeout: 20_000, interval: 20 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-standalone-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

async function startStandalone(env: Environment = {}): Promise<RunningService> {
  const variables = { BLOCKCHAIN_API_DATA_DIR: join(folder, 'data'), LUCID_PROFILE: 'dev', ...env };
  const config = { ...loadConfig(configSchema, variables), port: 0 };
  const open = async (...[loaded, context]: Parameters<typeof openStandalone>) =>
    await openStandalone(loaded, context, variables);
  return await startService({ name: 'standalone-blockchain-api', open }, config, { logger });
}

const readToken = async () => (await readFile(join(folder, 'data', 'operator.token'), 'utf8')).trim();

function clientOf(baseUrl: string, token: () => Promise<string>): Client<typeof blockchainApi.operations> {
  return createClient(blockchainApi, { baseUrl, token });
}

async function anchored(client: ReturnType<typeof clientOf>, sessionId: string) {
  return await vi.waitFor(async () => {
    const anchor = await client.getAnchor({ params: { sessionId } });
    expect(anchor.status).toBe('confirmed');
    return anchor;
  }, patience);
}

test('a first start makes keys and folders; anybody reads, the operator’s token writes, nobody else does', async () => {
  await using standalone = await startStandalone();
  const data = join(folder, 'data');
  expect(await readdir(data)).toEqual(['blockchain-api', 'keys', 'ledger', 'operator.token', 'vm']);
  for (const name of await readdir(join(data, 'keys'))) {
    expect((await stat(join(data, 'keys', name))).mode & 0o777).toBe(0o600);
  }
  const ready = (await (await fetch(`${standalone.url}/readyz`)).json()) as { checks: object };
  expect(Object.keys(ready.checks)).toEqual(['store', 'anchors', 'vm', 'ledger']);

  const stranger = createClient(blockchainApi, { baseUrl: standalone.url });
  expect((await stranger.getChain()).head.number).toBe(0);
  await expect(stranger.createAnchor({ body: newAnchorContent() })).rejects.toMatchObject({
    code: 'AUTH_TOKEN_MISSING',
  });
  const forged = clientOf(standalone.url, () =>
    createTestIdentity('lucid-standalone').userToken({ roles: ['operator'] }),
  );
  await expect(forged.createAnchor({ body: newAnchorContent() })).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' });

  const client = clientOf(standalone.url, readToken);
  expect(await sendTransactions(client, 2)).toHaveLength(2);
  const { sessionId } = await client.createAnchor({ body: newAnchorContent() });
  await anchored(client, sessionId);
});

test('with key files and an api’s JWKS it makes no keys, and takes that api’s tokens', async () => {
  const identity = createTestIdentity();
  await using jwks = await identity.serveJwks();
  const { files } = await ensurePlatformKeys(join(folder, 'keys'), { profile: 'dev', chainId: 4711 });
  await using standalone = await startStandalone({
    API_JWKS_URL: jwks.url,
    TOKEN_ISSUER: identity.issuer,
    SERVICE_KEY_FILE: files.serviceKey,
    LEDGER_KEY_FILE: files.ledgerKey,
    VM_GENESIS_FILE: files.genesis,
    BLOCKCHAIN_API_ANCHORER_KEY_FILE: files.anchorerKey,
  });
  expect(await readdir(join(folder, 'data'))).toEqual(['blockchain-api', 'ledger', 'vm']);
  const client = clientOf(standalone.url, () => identity.userToken({ roles: ['operator'] }));
  expect((await client.getChain()).chainId).toBe(4711);
  const { sessionId } = await client.createAnchor({ body: newAnchorContent() });
  await anchored(client, sessionId);
});

/** What the ledger says of itself, verified. */
async function readLedger(baseUrl: string) {
  const ledger = createClient(ledgerApi, { baseUrl });
  const { verifierKey } = await ledger.getLogKey();
  const text = await (await ledger.getCheckpoint()).text();
  return { ledger, verifierKey, checkpoint: await openCheckpoint(text, [parseVerifierKey(verifierKey)]) };
}

test('moved by copying its folders, the chain and the log go on in the full platform', async () => {
  const ports = portsFrom(await findFirstPort());
  const moved = join(folder, 'moved');
  const before = await (async () => {
    await using standalone = await startStandalone({ LEDGER_PORT: String(ports.ledger) });
    const client = clientOf(standalone.url, readToken);
    const receipts = await sendTransactions(client, 3);
    const { sessionId } = await client.createAnchor({ body: newAnchorContent() });
    const anchor = await anchored(client, sessionId);
    const chain = await client.getChain();
    const log = await vi.waitFor(async () => {
      const read = await readLedger(`http://127.0.0.1:${ports.ledger}`);
      expect(read.checkpoint.treeSize).toBe(chain.head.number + 1);
      return read;
    }, patience);
    return { chain, receipts, anchor, token: await readToken(), ...log };
  })();
  await cp(join(folder, 'data'), moved, { recursive: true, preserveTimestamps: true });

  await using platform = await startPlatform({ dataDir: moved, logger, ports: portsFrom(await findFirstPort()) });
  expect(platform.keys.created).toEqual([]);
  const tokens = await readPlatformTokens(platform.keys, platform.urls.api);
  const client = clientOf(platform.urls['blockchain-api'], async () => await tokens.service('blockchain-api'));
  expect(await client.getChain()).toEqual(before.chain);
  for (const receipt of before.receipts) expect(await findReceipt(client, receipt.transactionHash)).toEqual(receipt);
  const { sessionId } = before.anchor;
  expect(await client.getAnchor({ params: { sessionId } })).toEqual(before.anchor);
  const stale = clientOf(platform.urls['blockchain-api'], async () => before.token);
  await expect(stale.listAnchors({})).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' });

  await client.createAnchor({ body: newAnchorContent() });
  const head = await vi.waitFor(async () => {
    const [newest] = (await client.listBlocks({ query: { limit: 1 } })).items;
    expect(newest).toMatchObject({ number: before.chain.head.number + 1, parentHash: before.chain.head.hash });
    return newest;
  }, patience);
  const log = await vi.waitFor(async () => {
    const read = await readLedger(platform.urls.ledger);
    expect(read.checkpoint.treeSize).toBe(before.checkpoint.treeSize + 1);
    return read;
  }, patience);
  expect(log.verifierKey).toBe(before.verifierKey);
  const sizes = { oldSize: before.checkpoint.treeSize, newSize: log.checkpoint.treeSize };
  const { proof } = await log.ledger.getConsistencyProof({ query: sizes });
  const roots = { oldRoot: before.checkpoint.rootHash, newRoot: log.checkpoint.rootHash };
  verifyConsistency({ ...sizes, ...roots, proof: proof.map((hash) => parseHex(hash)) });
  const { entry } = await log.ledger.getEntry({ params: { leafIndex: before.checkpoint.treeSize } });
  expect(parseBlockEntry(Buffer.from(entry, 'base64'))).toMatchObject({ hash: head?.hash });
});
