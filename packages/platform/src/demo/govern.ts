import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { LucidClient } from '@lucid/client/lucid-client';
import { AppError, isAppError } from '@lucid/common/errors';
import { Transaction, type Wallet } from 'ethers';
import type { Connection } from './connect.ts';
import { formatBytes } from './narrator.ts';

type Say = (line: string) => void;

const key = 'maxChunkSize';

/** Proposes a smaller largest chunk, votes for it by a signed message, and waits until it is executed. */
export async function changeParameter({ client, member }: Connection, bytes: number, say: Say): Promise<void> {
  const { governance } = client;
  const before = await governance.getParam({ params: { key } });
  say(
    `${key} is ${formatBytes(Number(before.value))}; bounds ${formatBytes(Number(before.min))} to ${formatBytes(Number(before.max))}`,
  );
  const prepared = await governance.prepareProposal({
    body: {
      proposer: member.address,
      title: `Chunks of at most ${formatBytes(bytes)} (${randomBytes(4).toString('hex')})`,
      description: 'Smaller chunks suit the memory of small boards.',
      actions: [{ type: 'setParam', key, value: String(bytes) }],
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
  if (after.value !== String(bytes)) throw new AppError('DEMO_FAILED', `${key} is ${after.value}.`);
  say(`${key} is ${formatBytes(Number(after.value))}`);
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

/** Offers chunks over the new limit until one is refused: the services obey within seconds. */
export async function showObedience(offer: () => Promise<void>, say: Say): Promise<void> {
  const begun = performance.now();
  while (performance.now() - begun < 30_000) {
    try {
      await offer();
    } catch (error) {
      if (!isAppError(error, 'SESSION_CHUNK_TOO_LARGE')) throw error;
      say(
        `a larger chunk is refused ${((performance.now() - begun) / 1000).toFixed(1)} s later: ✗ ${error.code}: ${error.message}`,
      );
      return;
    }
    await delay(250);
  }
  throw new AppError('DEMO_FAILED', 'A chunk over the new limit is still taken.');
}
