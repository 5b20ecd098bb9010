import { AppError, type FieldError } from '@lucid/common/errors';
import { isAddress, ZeroAddress } from 'ethers';
import { paramSpecs } from './params.ts';

/** A member at genesis and its votes. */
export interface GenesisMember {
  readonly address: string;
  /** Whole votes, at least 1. */
  readonly seats: number;
}

/** What an operator decides once, before the first block. */
export interface GenesisConfig {
  /** EIP-155 chain id; it is part of every signature. */
  readonly chainId: number;
  /** Genesis block's time: seconds since 1970 (UTC). */
  readonly timestamp: number;
  /** Accounts that may register sessions and checkpoints. */
  readonly anchorers: readonly string[];
  readonly members: readonly GenesisMember[];
  /** May cancel proposals, nothing else. The zero address: no guardian. */
  readonly guardian: string;
  readonly votingDelaySec: number;
  readonly votingPeriodSec: number;
  readonly timelockDelaySec: number;
  readonly lateQuorumExtensionSec: number;
  /** Percent of all seats that must vote for or abstain. */
  readonly quorumNumerator: number;
  /** Percent of all seats which, voting for, end the vote early. */
  readonly superQuorumNumerator: number;
  /** Votes needed to propose. */
  readonly proposalThreshold: number;
  /** Values other than the defaults, by key. */
  readonly params: Readonly<Record<string, number>>;
}

/** A week to vote, a day before and after: time to notice. A development chain chooses seconds. */
export const governanceDefaults = {
  guardian: ZeroAddress,
  votingDelaySec: 86_400,
  votingPeriodSec: 604_800,
  timelockDelaySec: 86_400,
  lateQuorumExtensionSec: 86_400,
  quorumNumerator: 40,
  superQuorumNumerator: 75,
  proposalThreshold: 1,
  params: {},
} as const satisfies Partial<GenesisConfig>;

const UINT32_MAX = 2 ** 32 - 1;
const YEAR_SEC = 31_536_000;
const LIST_MAX = 256;

/**
 * Checks a genesis configuration whole, so that the first block cannot hold a governance nobody can use.
 * @throws AppError GENESIS_CONFIG_INVALID with every field at fault.
 */
export function verifyGenesisConfig(config: GenesisConfig): void {
  const errors = [...numberFaults(config), ...accountFaults(config), ...paramFaults(config.params)];
  if (errors.length === 0) return;
  const detail = errors.map((error) => `${error.pointer}: ${error.detail}`).join('; ');
  throw new AppError('GENESIS_CONFIG_INVALID', detail, { status: 422, errors });
}

function numberFaults(config: GenesisConfig): FieldError[] {
  const totalSeats = config.members.reduce((sum, member) => sum + member.seats, 0);
  const ranges: readonly (readonly [keyof GenesisConfig, number, number])[] = [
    ['chainId', 1, Number.MAX_SAFE_INTEGER],
    ['timestamp', 1, 2 ** 40],
    ['votingDelaySec', 0, YEAR_SEC],
    ['votingPeriodSec', 1, YEAR_SEC],
    ['timelockDelaySec', 0, YEAR_SEC],
    ['lateQuorumExtensionSec', 0, YEAR_SEC],
    ['quorumNumerator', 1, 100],
    ['superQuorumNumerator', Math.max(1, config.quorumNumerator), 100],
    ['proposalThreshold', 0, Math.max(0, totalSeats)],
  ];
  return ranges.flatMap(([field, min, max]) => rangeFault(`/${field}`, config[field], min, max));
}

function accountFaults(config: GenesisConfig): FieldError[] {
  const errors: FieldError[] = [];
  if (config.members.length === 0) errors.push({ pointer: '/members', detail: 'at least one member must hold a seat' });
  errors.push(
    ...listFaults(
      '/members',
      config.members.map((member) => member.address),
    ),
  );
  errors.push(...config.members.flatMap(({ seats }, i) => rangeFault(`/members/${i}/seats`, seats, 1, UINT32_MAX)));
  errors.push(...listFaults('/anchorers', config.anchorers));
  if (!isAddress(config.guardian)) errors.push({ pointer: '/guardian', detail: 'is not an address' });
  return errors;
}

function listFaults(pointer: string, addresses: readonly string[]): FieldError[] {
  const errors = addresses.flatMap((address, i) => addressFault(`${pointer}/${i}`, address));
  const distinct = new Set(addresses.map((address) => address.toLowerCase()));
  if (distinct.size !== addresses.length) errors.push({ pointer, detail: 'names an address twice' });
  if (addresses.length > LIST_MAX) errors.push({ pointer, detail: `has more than ${LIST_MAX} entries` });
  return errors;
}

function addressFault(pointer: string, address: string): FieldError[] {
  if (isAddress(address) && address !== ZeroAddress) return [];
  return [{ pointer, detail: 'is not an address other than zero' }];
}

function paramFaults(params: GenesisConfig['params']): FieldError[] {
  return Object.entries(params).flatMap(([key, value]) => {
    const spec = paramSpecs.find((candidate) => candidate.key === key);
    if (spec === undefined) return [{ pointer: `/params/${key}`, detail: 'is not a known parameter' }];
    return rangeFault(`/params/${key}`, value, Number(spec.min), Number(spec.max));
  });
}

function rangeFault(pointer: string, value: unknown, min: number, max: number): FieldError[] {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return [];
  return [{ pointer, detail: `is not a whole number from ${min} to ${max}` }];
}
