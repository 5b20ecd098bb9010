import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { LucidClient } from '@lucid/client/lucid-client';
import { AppError, isAppError } from '@lucid/common/errors';
import { Transaction, type Wallet } from 'ethers';
import { formatBytes } from './narrator.ts';

type Say = (line: string) => void;

const key = 'maxChunkSize';

const MiB = 1024 * 1024;

/** What the platform's governance says the demo must keep to. */
export interface Limits {
  /** Largest chunk the sessions take, bytes. */
  readonly chunkBytesMax: number;
  /** From proposing to executing, seconds. */
  readonly voteSec: number;
}

export async function readLimits({ governance }: LucidClient): Promise<Limits> {
  const [{ value }, rules] = await Promise.all([governance.getParam({ params: { key } }), governance.getGovernance()]);
  return {
    chunkBytesMax: Number(value),
    voteSec: rules.votingDelaySec + rules.votingPeriodSec + rules.timelockDelaySec,
  };
}

/** The parameter before and after the vote, bytes. */
export interface Change {
  readonly before: number;
  readonly after: number;
}

/**
 * Proposes another largest chunk, votes for it by a signed message, and waits until it is executed. It goes down to
 * 2 MiB, or up to 4 MiB where an earlier run left it there.
 */
export async function changeParameter(client: LucidClient, member: Wallet, say: Say): Promise<Change> {
  const { governance } = client;
  const { value, min, max } = await governance.getParam({ params: { key } });
  const change = { before: Number(value), after: Number(value) > 2 * MiB ? 2 * MiB : 4 * MiB };
  const bounds = `${formatBytes(Number(min))} to ${formatBytes(Number(max))}`;
  say(`${key} is ${formatBytes(change.before)}; bounds ${bounds}; the founding member is ${member.address}`);
  const prepared = await governance.prepareProposal({
    body: {
      proposer: member.address,
      title: `Chunks of at most ${formatBytes(change.after)} (${randomBytes(4).toString('hex')})`,
      description: 'Smaller chunks suit the memory of small boards, larger ones fast disks.',
      actions: [{ type: 'setParam', key, value: String(change.after) }],
    },
  });
  const rawTransaction = await signTransaction(client, member, prepared.transaction);
  const { proposalId } = await governance.createProposal({ body: { rawTransaction } });
  say(`proposed: ${prepared.calls[0]?.text ?? ''}`);
  await waitForProposal(client, proposalId, 'active', say);
  await voteBySignature(client, member, proposalId);
  say(`${member.address} voted for it by a signed message; the service relays it without gas`);
  await waitForProposal(client, proposalId, 'executed', say);
  const after = await governance.getParam({ params: { key } });
  if (after.value !== String(change.after)) throw new AppError('DEMO_FAILED', `${key} is ${after.value}.`);
  say(`${key} is ${formatBytes(Number(after.value))}`);
  return change;
}

interface Unsigned {
  readonly chainId: number;
  readonly to: string;
  readonly data: string;
  readonly value: string;
}

async function signTransaction({ chain }: LucidClient, member: Wallet, unsigned: Unsigned): Promise<string> {
  const nonce = await chain.rpc({
    body: { jsonrpc: '2.0', id: 1, method: 'eth_getTransactionCount', params: [member.address, 'pending'] },
  });
  const { result } = nonce as { result: string };
  const transaction = Transaction.from({
    ...unsigned,
    type: 2,
    nonce: Number(result),
    gasLimit: 3_000_000n,
    maxFeePerGas: 0n,
    maxPriorityFeePerGas: 0n,
  });
  return await member.signTransaction(transaction);
}

async function voteBySignature({ governance }: LucidClient, member: Wallet, proposalId: string): Promise<void> {
  const vote = { voter: member.address, support: 'for', reason: 'Shown in the demo' } as const;
  const { typedData } = await governance.prepareVote({ params: { proposalId }, body: vote });
  const types = Object.fromEntries(Object.entries(typedData.types).map(([name, fields]) => [name, [...fields]]));
  const signature = await member.signTypedData(typedData.domain, types, typedData.message);
  await governance.createSignedVote({ params: { proposalId }, body: { ...vote, signature } });
}

const finalStates = new Set(['canceled', 'defeated', 'executed']);

async function waitForProposal(
  { governance }: LucidClient,
  proposalId: string,
  wanted: string,
  say: Say,
): Promise<void> {
  const until = performance.now() + 120_000;
  let last = '';
  while (performance.now() < until) {
    const { state } = await governance.getProposal({ params: { proposalId } });
    if (state !== last) say(`proposal ${proposalId.slice(0, 12)}…: ${state}`);
    last = state;
    if (state === wanted) return;
    if (finalStates.has(state)) break;
    await delay(250);
  }
  throw new AppError('DEMO_FAILED', `The proposal is ${last} and not ${wanted}.`);
}

/** Offers chunks that only one of the two limits allows, until the answer is the new limit's: a matter of seconds. */
export async function showObedience(
  { before, after }: Change,
  offer: (bytes: number) => Promise<void>,
  say: Say,
): Promise<void> {
  const begun = performance.now();
  const bytes = Math.min(Math.max(before, after), 4 * MiB);
  const seconds = () => ((performance.now() - begun) / 1000).toFixed(1);
  while (performance.now() - begun < 30_000) {
    const refusal = await refusalOf(offer(bytes));
    if (after < before && refusal) {
      return say(
        `a chunk of ${formatBytes(bytes)} is refused ${seconds()} s later: ✗ ${refusal.code}: ${refusal.message}`,
      );
    }
    if (after > before && !refusal) return say(`a chunk of ${formatBytes(bytes)} is taken ${seconds()} s later`);
    await delay(250);
  }
  throw new AppError('DEMO_FAILED', `A chunk of ${formatBytes(bytes)} is still answered as before the vote.`);
}

/** How a chunk that was too large was refused; undefined for one that was taken. */
async function refusalOf(offered: Promise<void>): Promise<AppError | undefined> {
  try {
    await offered;
    return undefined;
  } catch (error) {
    if (isAppError(error, 'SESSION_CHUNK_TOO_LARGE')) return error;
    throw error;
  }
}
