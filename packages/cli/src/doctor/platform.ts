import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLucidClient, type LucidClient, type LucidClientOptions } from '@lucid/client/lucid-client';
import { type GatewayStatus, gatewayApi } from '@lucid/common/apis/gateway';
import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { createClient } from '@lucid/common/http/client';
import { hostFolders } from '../setup/host-layout.ts';
import { version } from '../version.ts';
import type { Finding } from './finding.ts';

const timeoutMs = 3000;

/** How calls go there, where that is not as usual: through a proxy. */
type Route = Pick<LucidClientOptions, 'fetch' | 'timeoutMs'>;

/** The running platform, asked through its gateway: the services, the chain, the ledger, and whether the keys are its. */
export async function checkPlatform(
  gatewayUrl: string,
  root: string | undefined,
  route: Route = {},
): Promise<Finding[]> {
  const status = await readStatus(gatewayUrl, route);
  if ('severity' in status) return [status];
  const client = createLucidClient({ gatewayUrl, timeoutMs, attemptsMax: 1, ...route });
  return [
    gatewayFinding(gatewayUrl, status),
    ...status.upstreams.map(serviceFinding),
    await checkChain(client, root),
    ...(await checkLedger(client, root)),
  ];
}

async function readStatus(gatewayUrl: string, route: Route): Promise<GatewayStatus | Finding> {
  try {
    return await createClient(gatewayApi, { baseUrl: gatewayUrl, timeoutMs, attemptsMax: 1, ...route }).getStatus();
  } catch (error) {
    return {
      id: 'gateway',
      severity: 'fail',
      found: `No gateway answers at ${gatewayUrl}: ${messageOf(error)}`,
      why: 'It is the one door to the platform.',
      fix: 'Start the platform (docker compose up -d --wait), or name its gateway: --gateway URL.',
    };
  }
}

function gatewayFinding(gatewayUrl: string, status: GatewayStatus): Finding {
  const id = 'gateway';
  const why = 'It is the one door to the platform.';
  const found = `${gatewayUrl} is up, version ${status.version}`;
  if (status.version === version) return { id, severity: 'ok', found: `${found}.`, why };
  const fix = 'Use the images and the command of one release.';
  return { id, severity: 'warn', found: `${found}; this command is ${version}.`, why, fix };
}

function serviceFinding({ service, status, failing, circuit }: GatewayStatus['upstreams'][number]): Finding {
  const id = `service-${service}`;
  const why = 'What it does is not to be had while it is not ready.';
  if (status === 'ready') {
    const paused = circuit === 'closed' ? '' : ', but the gateway still pauses calls to it';
    return { id, severity: circuit === 'closed' ? 'ok' : 'info', found: `${service} is ready${paused}.`, why };
  }
  const reasons = failing.length > 0 ? `: ${failing.join(', ')}` : '';
  const fix = `docker compose logs ${service}; its checks say more where it listens: curl 127.0.0.1:PORT/readyz`;
  return { id, severity: 'fail', found: `${service} is ${status}${reasons}.`, why, fix };
}

async function checkChain(client: LucidClient, root: string | undefined): Promise<Finding> {
  const id = 'chain';
  const why = 'Seals are anchored in its blocks. It makes none while there is nothing to write.';
  try {
    const { chainId, head } = await client.chain.getChain();
    const found = `Chain ${chainId}, block ${head.number} of ${head.timestamp}.`;
    const genesis = root === undefined ? undefined : readGenesis(root);
    if (genesis === undefined || String(genesis.chainId) === String(chainId)) return { id, severity: 'ok', found, why };
    const fix = 'The keys are another platform’s: name the folder this one was made with, or the right gateway.';
    return { id, severity: 'fail', found: `${found} The genesis in keys is of chain ${genesis.chainId}.`, why, fix };
  } catch (error) {
    return {
      id,
      severity: 'fail',
      found: `The chain does not answer: ${messageOf(error)}`,
      why,
      fix: 'docker compose logs blockchain-api vm',
    };
  }
}

async function checkLedger(client: LucidClient, root: string | undefined): Promise<Finding[]> {
  const id = 'ledger';
  const why = 'Its signed checkpoint is what every proof is checked against.';
  try {
    const { origin, verifierKey } = await client.ledger.getLogKey();
    const note = await (await client.ledger.getCheckpoint()).text();
    const verifier = parseVerifierKey(verifierKey);
    const { treeSize } = await openCheckpoint(note, [verifier]);
    const found = `${origin}: a checkpoint of ${treeSize} entries, signed.`;
    const ownKey = root === undefined ? undefined : readLedgerKey(root);
    const finding: Finding = { id, severity: 'ok', found, why };
    return ownKey === undefined ? [finding] : [finding, keyFinding(ownKey.equals(verifier.publicKey))];
  } catch (error) {
    return [
      {
        id,
        severity: 'fail',
        found: `No sound checkpoint: ${messageOf(error)}`,
        why,
        fix: 'docker compose logs ledger',
      },
    ];
  }
}

function keyFinding(isSame: boolean): Finding {
  const id = 'ledger-key';
  const why = 'A log is continued only with the key it was begun with.';
  if (isSame) return { id, severity: 'ok', found: 'The platform’s log is signed with the key in keys.', why };
  const fix = 'Find the folder this platform was made with before it is restarted, and back that one up.';
  return {
    id,
    severity: 'fail',
    found: 'The platform’s log is signed with another key than the one in keys.',
    why,
    fix,
  };
}

/** The genesis in the key folder; undefined where this user may not read it, which other checks say. */
function readGenesis(root: string): { readonly chainId?: number } | undefined {
  const text = readKeyFile(root, 'genesis.json');
  try {
    return text === undefined ? undefined : (JSON.parse(text) as { chainId?: number });
  } catch {
    return {};
  }
}

function readLedgerKey(root: string): Buffer | undefined {
  const text = readKeyFile(root, 'ledger.key');
  if (text === undefined) return undefined;
  const { x = '' } = createPublicKey(createPrivateKey(text)).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}

function readKeyFile(root: string, file: string): string | undefined {
  try {
    return readFileSync(join(root, hostFolders.keys, file), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
