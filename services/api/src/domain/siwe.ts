import { getAddress } from 'ethers';
import { apiError } from '../errors.ts';

/** The fields of an EIP-4361 message this server writes; it uses none of the optional ones. */
export interface SignInMessage {
  readonly domain: string;
  /** EIP-55. */
  readonly address: string;
  readonly statement: string;
  readonly uri: string;
  readonly chainId: number;
  readonly nonce: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly issuedAt: string;
  readonly expiresAt: string;
}

/** EIP-4361, to the letter: what the wallet shows and signs. */
export function formatSignInMessage(message: SignInMessage): string {
  return [
    `${message.domain} wants you to sign in with your Ethereum account:`,
    message.address,
    '',
    message.statement,
    '',
    `URI: ${message.uri}`,
    'Version: 1',
    `Chain ID: ${message.chainId}`,
    `Nonce: ${message.nonce}`,
    `Issued At: ${message.issuedAt}`,
    `Expiration Time: ${message.expiresAt}`,
  ].join('\n');
}

const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
// Every class excludes line breaks of all kinds, so that no field can hold another line.
const pattern = new RegExp(
  [
    String.raw`^([\x21-\x7e]{1,255}) wants you to sign in with your Ethereum account:`,
    '(0x[0-9a-fA-F]{40})',
    '',
    String.raw`([\x20-\x7e]{1,255})`,
    '',
    String.raw`URI: ([\x21-\x7e]{1,512})`,
    'Version: 1',
    String.raw`Chain ID: ([1-9]\d{0,15})`,
    'Nonce: ([0-9a-zA-Z]{8,128})',
    `Issued At: (${time})`,
    `Expiration Time: (${time})$`,
  ].join('\n'),
);

/** Reads a message of exactly the form this server writes. @throws AUTH_MESSAGE_MALFORMED */
export function parseSignInMessage(text: string): SignInMessage {
  const match = pattern.exec(text);
  if (!match || text.endsWith('\n')) {
    throw apiError('AUTH_MESSAGE_MALFORMED', 'The message is not one this server issues; ask for a challenge.');
  }
  const [
    ,
    domain = '',
    address = '',
    statement = '',
    uri = '',
    chainId = '',
    nonce = '',
    issuedAt = '',
    expiresAt = '',
  ] = match;
  return {
    domain,
    address: checksummed(address),
    statement,
    uri,
    chainId: Number(chainId),
    nonce,
    issuedAt,
    expiresAt,
  };
}

/** EIP-55 in, or the message was not ours: EIP-4361 demands the checksum. */
function checksummed(address: string): string {
  try {
    if (getAddress(address) === address) return address;
  } catch (cause) {
    throw apiError('AUTH_MESSAGE_MALFORMED', 'The address in the message has a wrong checksum (EIP-55).', { cause });
  }
  throw apiError('AUTH_MESSAGE_MALFORMED', 'The address in the message is not checksummed (EIP-55).');
}
