import { governanceDefaults } from '@lucid/contracts/genesis-config';
import { Wallet } from 'ethers';

function account(n: number): Wallet {
  return new Wallet(`0x${n.toString(16).padStart(64, '0')}`);
}

/** Accounts of the tests; the first three hold 1000 ether from genesis on. */
export const [alice, bob, carol, poor, nobody] = [account(1), account(2), account(3), account(4), account(5)] as const;
export const CHAIN_ID = 20_251;
const funded = [alice, bob, carol];

/** A genesis file with short governance and some ether. */
export function testGenesis(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ...governanceDefaults,
    chainId: CHAIN_ID,
    timestamp: 1_767_225_600,
    anchorers: [alice.address],
    members: [{ address: alice.address, seats: 3 }],
    balances: Object.fromEntries(funded.map(({ address }) => [address, (10n ** 21n).toString()])),
    ...overrides,
  };
}
