import type { Log } from 'ethers';
import { contractInterfaces } from './interfaces.ts';

const seats = contractInterfaces.LucidSeats;

/** Call data of `grantSeats`; only the timelock may send it. */
export function encodeGrantSeats(account: string, amount: bigint): string {
  return seats.encodeFunctionData('grantSeats', [account, amount]);
}

/** Call data of `revokeSeats`; only the timelock may send it. */
export function encodeRevokeSeats(account: string, amount: bigint): string {
  return seats.encodeFunctionData('revokeSeats', [account, amount]);
}

/** Call data of `delegate`, sent by the member itself. */
export function encodeDelegate(delegatee: string): string {
  return seats.encodeFunctionData('delegate', [delegatee]);
}

/** An event of the seats, in the words of governance. */
export type SeatsEvent =
  | { readonly kind: 'seatsGranted' | 'seatsRevoked'; readonly account: string; readonly seats: bigint }
  | { readonly kind: 'delegateChanged'; readonly account: string; readonly delegate: string }
  | { readonly kind: 'votingPowerChanged'; readonly account: string; readonly votingPower: bigint };

const ZERO = '0x0000000000000000000000000000000000000000';

/** Decodes a log of LucidSeats; undefined for events that say nothing about membership. */
export function findSeatsEvent(log: Pick<Log, 'topics' | 'data'>): SeatsEvent | undefined {
  const event = seats.parseLog(log);
  if (event === null) return undefined;
  switch (event.name) {
    case 'Transfer':
      return event.args[0] === ZERO
        ? { kind: 'seatsGranted', account: event.args[1], seats: event.args[2] }
        : { kind: 'seatsRevoked', account: event.args[0], seats: event.args[2] };
    case 'DelegateChanged':
      return { kind: 'delegateChanged', account: event.args[0], delegate: event.args[2] };
    case 'DelegateVotesChanged':
      return { kind: 'votingPowerChanged', account: event.args[0], votingPower: event.args[2] };
    default:
      return undefined;
  }
}
