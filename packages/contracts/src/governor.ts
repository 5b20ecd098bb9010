import {
  AbiCoder,
  id,
  keccak256,
  type Log,
  type LogDescription,
  type TypedDataField,
  toUtf8String,
  Utf8ErrorFuncs,
} from 'ethers';
import { contractAddresses } from './addresses.ts';
import { contractInterfaces } from './interfaces.ts';

const governor = contractInterfaces.LucidGovernor;

/** IGovernor.ProposalState, by number. */
export const proposalStates = [
  'pending',
  'active',
  'canceled',
  'defeated',
  'succeeded',
  'queued',
  'expired',
  'executed',
] as const;
export type ProposalState = (typeof proposalStates)[number];

/** GovernorCountingFractional's support values; 255 stands for a vote split by parameters. */
export const voteSupport = { against: 0, for: 1, abstain: 2 } as const;
export type VoteSupport = keyof typeof voteSupport;

/** A call the timelock makes when the proposal executes. `value` is wei, `data` 0x hex. */
export interface ProposalCall {
  readonly target: string;
  readonly value: bigint;
  readonly data: string;
}

/**
 * Binds a description to its proposer: the governor then refuses the same proposal from anybody else, so that it
 * cannot be proposed first and cancelled by another.
 */
export function bindDescription(description: string, proposer: string): string {
  return `${description}#proposer=${proposer.toLowerCase()}`;
}

/** The id the governor gives to a proposal: keccak256(abi.encode(targets, values, calldatas, keccak256(description))). */
export function proposalId(calls: readonly ProposalCall[], description: string): bigint {
  return hashProposal(calls, id(description));
}

/** As `proposalId`, from the description's hash. */
export function hashProposal(calls: readonly ProposalCall[], descriptionHash: string): bigint {
  const types = ['address[]', 'uint256[]', 'bytes[]', 'bytes32'];
  return BigInt(keccak256(AbiCoder.defaultAbiCoder().encode(types, [...columns(calls), descriptionHash])));
}

export function encodePropose(calls: readonly ProposalCall[], description: string): string {
  return governor.encodeFunctionData('propose', [...columns(calls), description]);
}

export function encodeCastVote(proposal: bigint, support: VoteSupport, reason = ''): string {
  if (reason === '') return governor.encodeFunctionData('castVote', [proposal, voteSupport[support]]);
  return governor.encodeFunctionData('castVoteWithReason', [proposal, voteSupport[support], reason]);
}

/** A vote a member signs for anyone to relay. */
export interface SignedVote {
  readonly proposalId: bigint;
  readonly support: VoteSupport;
  readonly voter: string;
  /** Empty: a plain ballot. Otherwise the reason is part of what is signed. */
  readonly reason: string;
  readonly signature: string;
}

export function encodeCastVoteBySig(vote: SignedVote): string {
  const support = voteSupport[vote.support];
  if (vote.reason === '') {
    return governor.encodeFunctionData('castVoteBySig', [vote.proposalId, support, vote.voter, vote.signature]);
  }
  const args = [vote.proposalId, support, vote.voter, vote.reason, '0x', vote.signature];
  return governor.encodeFunctionData('castVoteWithReasonAndParamsBySig', args);
}

const ballotFields: TypedDataField[] = [
  { name: 'proposalId', type: 'uint256' },
  { name: 'support', type: 'uint8' },
  { name: 'voter', type: 'address' },
  { name: 'nonce', type: 'uint256' },
];

/**
 * The EIP-712 message a voter signs, for `signTypedData` of a wallet.
 * @param nonce `ballotNonce` for a vote bound to its proposal alone, or the voter's plain nonce.
 */
export function ballotTypedData(chainId: number, vote: Omit<SignedVote, 'signature'>, nonce: bigint) {
  const domain = { name: 'LucidGovernor', version: '1', chainId, verifyingContract: contractAddresses.LucidGovernor };
  const plain = { proposalId: vote.proposalId, support: voteSupport[vote.support], voter: vote.voter, nonce };
  if (vote.reason === '') {
    const types: Record<string, TypedDataField[]> = { Ballot: ballotFields };
    return { domain, types, message: plain };
  }
  const extended = [...ballotFields, { name: 'reason', type: 'string' }, { name: 'params', type: 'bytes' }];
  const types: Record<string, TypedDataField[]> = { ExtendedBallot: extended };
  return { domain, types, message: { ...plain, reason: vote.reason, params: '0x' } };
}

/**
 * The nonce of a voter's first signed ballot on a proposal (GovernorNoncesKeyed: the low 192 bits of the id are the
 * key, the sequence starts at 0). A voter votes once, so it is the only one it needs.
 */
export function ballotNonce(proposal: bigint): bigint {
  return BigInt.asUintN(192, proposal) << 64n;
}

export function encodeQueue(proposal: bigint): string {
  return governor.encodeFunctionData('queue(uint256)', [proposal]);
}

export function encodeExecute(proposal: bigint): string {
  return governor.encodeFunctionData('execute(uint256)', [proposal]);
}

export function encodeCancel(proposal: bigint): string {
  return governor.encodeFunctionData('cancel(uint256)', [proposal]);
}

/** An event of the governor. Times are seconds since 1970 (UTC). */
export type GovernorEvent =
  | {
      readonly kind: 'proposalCreated';
      readonly proposalId: bigint;
      readonly proposer: string;
      readonly calls: readonly ProposalCall[];
      /** The snapshot: votes count as of this time, and voting starts after it. */
      readonly voteStart: number;
      readonly voteEnd: number;
      readonly description: string;
    }
  | {
      readonly kind: 'voteCast';
      readonly proposalId: bigint;
      readonly voter: string;
      readonly support: number;
      readonly weight: bigint;
      readonly reason: string;
      /** 0x unless the vote was split (support 255). */
      readonly params: string;
    }
  | { readonly kind: 'proposalQueued'; readonly proposalId: bigint; readonly eta: number }
  | { readonly kind: 'proposalExtended'; readonly proposalId: bigint; readonly voteEnd: number }
  | { readonly kind: 'proposalExecuted' | 'proposalCanceled'; readonly proposalId: bigint };

/**
 * Decodes a log of LucidGovernor; undefined for events about its settings. Whoever has a seat writes descriptions and
 * reasons, and the chain takes any bytes: what is not UTF-8 becomes U+FFFD, so that no text can stop a reader.
 */
export function findGovernorEvent(log: Pick<Log, 'topics' | 'data'>): GovernorEvent | undefined {
  const event = governor.parseLog(log);
  if (event === null) return undefined;
  const { args } = event;
  switch (event.name) {
    case 'ProposalCreated':
      return {
        kind: 'proposalCreated',
        proposalId: args[0],
        proposer: args[1],
        calls: [...args[2]].map((target: string, i) => ({ target, value: args[3][i], data: args[5][i] })),
        voteStart: Number(args[6]),
        voteEnd: Number(args[7]),
        description: textOf(event, log, 'description'),
      };
    case 'VoteCast':
    case 'VoteCastWithParams':
      return {
        kind: 'voteCast',
        voter: args[0],
        proposalId: args[1],
        support: Number(args[2]),
        weight: args[3],
        reason: textOf(event, log, 'reason'),
        params: event.name === 'VoteCast' ? '0x' : args[5],
      };
    case 'ProposalQueued':
      return { kind: 'proposalQueued', proposalId: args[0], eta: Number(args[1]) };
    case 'ProposalExtended':
      return { kind: 'proposalExtended', proposalId: args[0], voteEnd: Number(args[1]) };
    case 'ProposalExecuted':
      return { kind: 'proposalExecuted', proposalId: args[0] };
    case 'ProposalCanceled':
      return { kind: 'proposalCanceled', proposalId: args[0] };
    default:
      return undefined;
  }
}

/** A text among the event's data. ethers' own decoding throws for bytes that are no UTF-8. */
function textOf({ fragment }: LogDescription, { data }: Pick<Log, 'data'>, name: string): string {
  const inputs = fragment.inputs.filter(({ indexed }) => indexed !== true);
  const types = inputs.map(({ type }) => (type === 'string' ? 'bytes' : type));
  const values = AbiCoder.defaultAbiCoder().decode(types, data);
  return toUtf8String(values[inputs.findIndex((input) => input.name === name)], Utf8ErrorFuncs.replace);
}

function columns(calls: readonly ProposalCall[]) {
  return [calls.map((call) => call.target), calls.map((call) => call.value), calls.map((call) => call.data)];
}
