import { AppError } from '@lucid/common/errors';
import { contractAddresses } from '@lucid/contracts/addresses';
import { keccak256, Wallet } from 'ethers';
import type { RelayAttempt, RelaySigner } from '../domain/relay.ts';

/**
 * The relayer's key. Transactions cost nothing on the platform's chain (base fee 0), so the account needs no balance.
 * @throws GOVERNANCE_RELAYER_KEY_INVALID
 */
export function createRelaySigner(privateKey: string, getChainId: () => number): RelaySigner {
  const wallet = parseKey(privateKey);
  return {
    address: wallet.address,
    sign: async ({ data, nonce, gasLimit }): Promise<RelayAttempt> => {
      const rawTransaction = await wallet.signTransaction({
        type: 2,
        chainId: getChainId(),
        to: contractAddresses.LucidGovernor,
        data,
        nonce,
        gasLimit,
        maxFeePerGas: 0n,
        maxPriorityFeePerGas: 0n,
      });
      return { rawTransaction, transactionHash: keccak256(rawTransaction) };
    },
  };
}

function parseKey(privateKey: string): Wallet {
  try {
    return new Wallet(privateKey.trim());
  } catch {
    throw new AppError('GOVERNANCE_RELAYER_KEY_INVALID', "The relayer's key is not 0x and 64 hex digits.");
  }
}
