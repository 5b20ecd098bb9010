import type { LucidClient } from '@lucid/client/lucid-client';
import type { ProposalAction } from '@lucid/common/apis/governance-schemas';
import { contractAddresses } from '@lucid/contracts/addresses';
import { bindDescription, encodePropose, type ProposalCall } from '@lucid/contracts/governor';
import { encodeSetParam } from '@lucid/contracts/params';
import { encodeGrantSeats, encodeRevokeSeats } from '@lucid/contracts/seats';
import { getAddress, Wallet } from 'ethers';
import { cliError } from './errors.ts';
import { readWalletKey } from './setup/keys.ts';

/** A member's wallet from its key file. */
export async function openWallet(file: string): Promise<Wallet> {
  return new Wallet(await readWalletKey(file));
}

/** The call an action stands for, worked out here: what is signed is never only what the platform says. */
export function toCall(action: ProposalAction): ProposalCall {
  switch (action.type) {
    case 'setParam':
      return callOf('LucidParams', encodeSetParam(action.key, BigInt(action.value)));
    case 'grantSeats':
      return callOf('LucidSeats', encodeGrantSeats(action.account, BigInt(action.seats)));
    case 'revokeSeats':
      return callOf('LucidSeats', encodeRevokeSeats(action.account, BigInt(action.seats)));
    case 'contractCall':
      return { target: getAddress(action.target), value: BigInt(action.value ?? 0), data: action.data };
  }
}

function callOf(contract: 'LucidParams' | 'LucidSeats', data: string): ProposalCall {
  return { target: contractAddresses[contract], value: 0n, data };
}

/**
 * Signs a proposal: the platform words it, this side checks that it calls what was asked for and nothing else.
 * @throws PREPARED_MISMATCH, and the API's errors
 */
export async function signProposal(
  { governance, chain }: Pick<LucidClient, 'governance' | 'chain'>,
  wallet: Wallet,
  proposal: { readonly title: string; readonly description: string; readonly actions: readonly ProposalAction[] },
): Promise<string> {
  const { title, description: text, actions } = proposal;
  const body = {
    proposer: wallet.address,
    title,
    actions: [...actions],
    ...(text === '' ? {} : { description: text }),
  };
  const { transaction, description } = await governance.prepareProposal({ body });
  const data = encodePropose(actions.map(toCall), description);
  const expected = bindDescription(text === '' ? `${title}\n` : `${title}\n\n${text}\n`, wallet.address);
  const isAsked = transaction.to === contractAddresses.LucidGovernor && transaction.data === data;
  if (!isAsked || description !== expected) {
    throw cliError(
      'PREPARED_MISMATCH',
      'The platform prepared another proposal than was asked for; nothing was signed.',
    );
  }
  const { chainId } = await governance.getGovernance();
  const call = async (method: string, params: readonly unknown[]) => await callChain(chain, method, params);
  const sender = { from: wallet.address, to: transaction.to, data };
  const nonce = Number(await call('eth_getTransactionCount', [wallet.address, 'pending']));
  const gasLimit = (BigInt(String(await call('eth_estimateGas', [sender]))) * 12n) / 10n;
  const fees = { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };
  return await wallet.signTransaction({ type: 2, chainId, to: transaction.to, data, nonce, gasLimit, ...fees });
}

async function callChain(chain: LucidClient['chain'], method: string, params: readonly unknown[]): Promise<unknown> {
  const answer = await chain.rpc({ body: { jsonrpc: '2.0', id: 1, method, params } });
  if (!answer || Array.isArray(answer)) throw cliError('CHAIN_CALL_REFUSED', `${method} was not answered.`);
  if ('result' in answer) return answer.result;
  throw cliError('CHAIN_CALL_REFUSED', `The chain refused ${method}: ${answer.error.message}.`);
}
