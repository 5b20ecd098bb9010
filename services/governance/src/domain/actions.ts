import type { ProposalAction, ProposalCall as ProposalCallView } from '@lucid/common/apis/governance-schemas';
import { contractAddresses, creationOrder } from '@lucid/contracts/addresses';
import type { ProposalCall } from '@lucid/contracts/governor';
import { type ContractName, contractInterfaces } from '@lucid/contracts/interfaces';
import { encodeSetParam, paramSpecs } from '@lucid/contracts/params';
import { encodeGrantSeats, encodeRevokeSeats } from '@lucid/contracts/seats';
import { getAddress } from 'ethers';
import { governanceError } from '../errors.ts';
import type { MemberRecord, ParamRecord } from './model.ts';
import { parseUint256 } from './uint256.ts';

/** What actions are checked against: the platform as it is now. */
export interface ActionContext {
  readonly params: readonly ParamRecord[];
  readonly members: readonly MemberRecord[];
}

/**
 * The call an action stands for.
 * @throws GOVERNANCE_PARAM_NOT_FOUND, GOVERNANCE_PARAM_OUT_OF_BOUNDS, GOVERNANCE_ACTION_INVALID when it could not
 * execute as things stand: better said before a vote than after it.
 */
export function toCall(action: ProposalAction, context: ActionContext): ProposalCall {
  switch (action.type) {
    case 'setParam':
      return { target: contractAddresses.LucidParams, value: 0n, data: setParamData(action, context.params) };
    case 'grantSeats':
      return seatsCall(encodeGrantSeats(toAddress(action.account), BigInt(action.seats)));
    case 'revokeSeats':
      verifyRevocable(action, context.members);
      return seatsCall(encodeRevokeSeats(toAddress(action.account), BigInt(action.seats)));
    case 'contractCall':
      return { target: toAddress(action.target), value: valueOf(action.value ?? '0'), data: action.data.toLowerCase() };
  }
}

/** The action a call stands for: the same as was asked for, or `contractCall` for what has no name here. */
export function toAction({ target, value, data }: ProposalCall): ProposalAction {
  const call = value === 0n ? findMethod(target, data) : undefined;
  const named = call && (paramAction(call) ?? seatsAction(call));
  return named ?? { type: 'contractCall', target, value: String(value), data };
}

/** A call with its meaning, as the API shows it. */
export function describeCall(call: ProposalCall): ProposalCallView {
  const action = toAction(call);
  return { target: call.target, value: String(call.value), data: call.data, action, text: describeAction(action) };
}

export function toAddress(text: string): string {
  return getAddress(text.toLowerCase());
}

function describeAction(action: ProposalAction): string {
  switch (action.type) {
    case 'setParam': {
      const unit = paramSpecs.find((spec) => spec.key === action.key)?.unit;
      return `Set ${action.key} to ${action.value}${unit === undefined ? '' : ` ${unit}`}.`;
    }
    case 'grantSeats':
      return `Grant ${seatCount(action.seats)} to ${action.account}.`;
    case 'revokeSeats':
      return `Take ${seatCount(action.seats)} from ${action.account}.`;
    case 'contractCall':
      return describeContractCall(action);
  }
}

function describeContractCall({
  target,
  value = '0',
  data,
}: Extract<ProposalAction, { type: 'contractCall' }>): string {
  const contract = findContract(target);
  const method = findMethod(target, data);
  const wei = value === '0' ? '' : ` with ${value} wei`;
  if (contract === undefined) return `Call ${target}, a contract unknown here,${wei} with data ${data.slice(0, 10)}….`;
  if (method === undefined) return `Call ${contract}${wei} with data ${data.slice(0, 10)}…, none of its functions.`;
  return `Call ${contract}.${method.name}(${method.args.map(String).join(', ')})${wei}.`;
}

interface Method {
  readonly contract: ContractName;
  readonly name: string;
  readonly args: readonly unknown[];
}

function findContract(target: string): ContractName | undefined {
  return creationOrder.find((name) => contractAddresses[name] === target);
}

/** The function of our contracts that the call data calls; undefined for any other data, malformed data included. */
function findMethod(target: string, data: string): Method | undefined {
  const contract = findContract(target);
  if (contract === undefined) return undefined;
  try {
    const call = contractInterfaces[contract].parseTransaction({ data });
    return call === null ? undefined : { contract, name: call.name, args: call.args.toArray(true) };
  } catch {
    return undefined;
  }
}

function seatCount(seats: number): string {
  return seats === 1 ? '1 seat' : `${seats} seats`;
}

function seatsCall(data: string): ProposalCall {
  return { target: contractAddresses.LucidSeats, value: 0n, data };
}

function setParamData(
  { key, value }: Extract<ProposalAction, { type: 'setParam' }>,
  params: readonly ParamRecord[],
): string {
  const param = params.find((candidate) => candidate.key === key);
  if (param === undefined) throw governanceError('GOVERNANCE_PARAM_NOT_FOUND', `There is no parameter ${key}.`);
  const number = valueOf(value);
  if (number < param.min || number > param.max) {
    const detail = `${key} lies between ${param.min} and ${param.max}; ${value} does not.`;
    throw governanceError('GOVERNANCE_PARAM_OUT_OF_BOUNDS', detail);
  }
  return encodeSetParam(key, number);
}

function verifyRevocable(
  { account, seats }: Extract<ProposalAction, { type: 'revokeSeats' }>,
  members: readonly MemberRecord[],
): void {
  const address = toAddress(account);
  const held = members.find((member) => member.address === address)?.seats ?? 0n;
  if (held < BigInt(seats)) {
    throw governanceError('GOVERNANCE_ACTION_INVALID', `${address} holds ${held} seats; ${seats} cannot be taken.`);
  }
  const total = members.reduce((sum, member) => sum + member.seats, 0n);
  if (total === BigInt(seats)) {
    throw governanceError('GOVERNANCE_ACTION_INVALID', 'The last seat cannot be taken: nobody could ever vote again.');
  }
}

function paramAction({ contract, name, args }: Method): ProposalAction | undefined {
  if (contract !== 'LucidParams' || name !== 'setParam') return undefined;
  return { type: 'setParam', key: String(args[0]), value: String(args[1]) };
}

function seatsAction({ contract, name, args }: Method): ProposalAction | undefined {
  if (contract !== 'LucidSeats' || (name !== 'grantSeats' && name !== 'revokeSeats')) return undefined;
  const seats = Number(args[1]);
  if (seats < 1 || seats >= 2 ** 32) return undefined;
  return { type: name, account: String(args[0]), seats };
}

function valueOf(text: string): bigint {
  const value = parseUint256(text);
  if (value === undefined) throw governanceError('GOVERNANCE_ACTION_INVALID', `${text} does not fit in 256 bits.`);
  return value;
}
