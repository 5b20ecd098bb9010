import { randomUUID } from 'node:crypto';
import type { LucidClient } from '@lucid/client/lucid-client';
import type { SessionPolicyDocument, UserView } from '@lucid/common/apis/identity-schemas';
import { isAppError } from '@lucid/common/errors';
import { toHex } from '@lucid/common/formats/bytes';
import { encodeCanonicalJson } from '@lucid/common/formats/canonical-json';
import { ownerAddressOf } from '@lucid/common/formats/ids';
import { sha256 } from '@lucid/common/formats/sha256';
import { cliError } from '../errors.ts';
import { readInput } from '../trust.ts';

export interface PolicyOptions {
  readonly policy?: string;
  readonly policyHash?: string;
  readonly wallet?: string;
}

/** What a session will be bound to; `policy` is kept beside the recording where it is known. */
export interface ChosenPolicy {
  readonly policyHash: string;
  readonly policy?: SessionPolicyDocument;
}

/**
 * The policy a session is recorded under: a published one by its hash, one from a file, or one that denies everything
 * but recording. With a wallet it is signed and published; without, its text stays with the recording.
 */
export async function choosePolicy(
  client: Pick<LucidClient, 'identity'>,
  me: UserView,
  options: PolicyOptions,
): Promise<ChosenPolicy> {
  if (options.policyHash !== undefined) {
    if (/^[0-9a-f]{64}$/.test(options.policyHash)) return { policyHash: options.policyHash };
    throw cliError('USAGE_INVALID', '--policy-hash takes 64 lower-case hex digits.');
  }
  const policy = options.policy === undefined ? denyingPolicy(me) : await readPolicy(options.policy);
  const policyHash = toHex(sha256(encodeCanonicalJson(policy)));
  if (options.wallet !== undefined) await publish(client, policy, policyHash, options.wallet);
  return { policyHash, policy };
}

/** Allows nobody anything: the session is recorded, and that is all. */
function denyingPolicy({ userId, wallets }: UserView): SessionPolicyDocument {
  return {
    type: 'lucid/policy@1',
    policyId: randomUUID(),
    version: 1,
    owner: { subject: userId, address: wallets[0] ?? ownerAddressOf(userId) },
    name: 'Record only',
    defaultDecision: 'deny',
    input: { pointer: 'deny', keyboard: 'deny' },
    clipboard: { toHost: 'deny', toViewer: 'deny', bytesMax: 0 },
    fileTransfer: { toHost: 'deny', toViewer: 'deny', paths: [], overwrite: 'deny' },
    applications: { allowed: [], others: 'deny' },
    privacyShield: { hideNotifications: true, blurBackground: false, redactionZones: [] },
    approvalTimeoutMs: 30_000,
    issuedAt: new Date().toISOString(),
    expiresAt: null,
  };
}

async function readPolicy(path: string): Promise<SessionPolicyDocument> {
  try {
    const policy = JSON.parse((await readInput(path)).toString('utf8')) as SessionPolicyDocument;
    if (policy.type === 'lucid/policy@1') return policy;
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    throw cliError('POLICY_FILE_INVALID', `${path} is not JSON.`, { cause });
  }
  throw cliError('POLICY_FILE_INVALID', `${path} is not a session policy: its type is not lucid/policy@1.`);
}

async function publish(
  { identity }: Pick<LucidClient, 'identity'>,
  policy: SessionPolicyDocument,
  policyHash: string,
  walletFile: string,
): Promise<void> {
  const [{ readWalletKey }, { Wallet }] = await Promise.all([import('../setup/keys.ts'), import('ethers')]);
  const wallet = new Wallet(await readWalletKey(walletFile));
  const signature = await wallet.signMessage(`lucid/policy/v1\n${policyHash}`);
  await identity.createPolicy({ body: { policy, signature } });
}
