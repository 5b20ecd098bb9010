import { AppError } from '@lucid/common/errors';
import { sessionIdToBytes32 } from '@lucid/common/formats/ids';
import { contractAddresses } from '@lucid/contracts/addresses';
import { encodeRegisterSession } from '@lucid/contracts/anchors';
import { computeAddress, SigningKey, Transaction } from 'ethers';
import type { RegistrationContent, SignedRegistration } from './anchor.ts';

/**
 * Gas of a registration: 21,000 intrinsic, 6 words of call data, four fresh slots (22,100 each), one event and the
 * role check come to about 140,000. Unused gas costs nothing.
 */
const registrationGasLimit = 250_000n;

export function encodeRegistration(content: RegistrationContent): string {
  return encodeRegisterSession({
    sessionId: sessionIdToBytes32(content.sessionId),
    manifestHash: `0x${content.manifestHash}`,
    startedAt: content.startedAt,
    owner: content.owner,
    merkleRoot: `0x${content.merkleRoot}`,
    chunkCount: content.chunkCount,
  });
}

/** @throws ANCHORER_KEY_INVALID unless the text is a private key: 0x and 64 hex digits */
export function openRegistrationSigner(privateKey: string): RegistrationSigner {
  try {
    return new RegistrationSigner(privateKey);
  } catch {
    // The cause names the value it refuses, which is the secret.
    throw new AppError(
      'ANCHORER_KEY_INVALID',
      'The anchorer key is not a secp256k1 private key: 0x and 64 hex digits.',
    );
  }
}

/** Signs registrations; holds the anchorer's key and gives it to nobody. */
export class RegistrationSigner {
  readonly #key: SigningKey;
  /** The anchorer's account, EIP-55. */
  readonly address: string;

  /** @param privateKey 0x and 64 hex digits. @throws TypeError when it is no secp256k1 key */
  constructor(privateKey: string) {
    this.#key = new SigningKey(privateKey);
    this.address = computeAddress(this.#key);
  }

  /** An EIP-1559 transaction that offers no fee: members pay none on this chain. Same arguments, same bytes (RFC 6979). */
  sign(chainId: number, nonce: number, content: RegistrationContent): SignedRegistration {
    const transaction = Transaction.from({
      type: 2,
      chainId,
      nonce,
      to: contractAddresses.LucidAnchors,
      data: encodeRegistration(content),
      gasLimit: registrationGasLimit,
      maxFeePerGas: 0n,
      maxPriorityFeePerGas: 0n,
      value: 0n,
    });
    transaction.signature = this.#key.sign(transaction.unsignedHash);
    return { nonce, rawTransaction: transaction.serialized, transactionHash: transaction.hash as string };
  }
}
