import Type, { type Static } from 'typebox';
import {
  EthereumAddress,
  Hash32Prefixed,
  HexBytes,
  pageQuery,
  strictObject,
  Timestamp,
  Uint64,
  Uint256,
} from './schemas.ts';

export const ProposalState = Type.Union(
  [
    Type.Literal('pending'),
    Type.Literal('active'),
    Type.Literal('canceled'),
    Type.Literal('defeated'),
    Type.Literal('succeeded'),
    Type.Literal('queued'),
    Type.Literal('executed'),
  ],
  { description: 'As OpenZeppelin Governor names them, at the time of the answer' },
);
export type ProposalState = Static<typeof ProposalState>;

export const VoteSupport = Type.Union([Type.Literal('for'), Type.Literal('against'), Type.Literal('abstain')]);
export type VoteSupport = Static<typeof VoteSupport>;

const seats = Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1, description: 'Whole votes' });
const paramKey = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9]{0,63}$' });

/** What a proposal does when it executes, in the words of people. */
export const ProposalAction = Type.Union([
  strictObject({ type: Type.Literal('setParam'), key: paramKey, value: Uint256 }),
  strictObject({ type: Type.Literal('grantSeats'), account: EthereumAddress, seats }),
  strictObject({ type: Type.Literal('revokeSeats'), account: EthereumAddress, seats }),
  strictObject({
    type: Type.Literal('contractCall'),
    target: EthereumAddress,
    value: Type.Optional(Uint256),
    data: Type.String({ pattern: '^0x([0-9a-fA-F]{2})*$', maxLength: 32_770, description: 'Call data, 0x hex' }),
  }),
]);
export type ProposalAction = Static<typeof ProposalAction>;

/** A call as the chain has it, and what it means. */
export const ProposalCall = strictObject({
  target: EthereumAddress,
  value: Uint256,
  data: HexBytes,
  action: ProposalAction,
  text: Type.String({ description: 'The action as a sentence' }),
});
export type ProposalCall = Static<typeof ProposalCall>;

/** Text that has a UTF-8 form, which is what goes on chain: no half of a surrogate pair. */
const text = (maxLength: number, description?: string) =>
  Type.String({ maxLength, pattern: '^[^\\ud800-\\udfff]*$', ...(description === undefined ? {} : { description }) });

export const NewProposal = strictObject({
  proposer: EthereumAddress,
  title: Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\r\\n\\ud800-\\udfff]+$', description: 'One line' }),
  description: Type.Optional(text(10_000, 'Markdown')),
  actions: Type.Array(ProposalAction, { minItems: 1, maxItems: 16 }),
});
export type NewProposal = Static<typeof NewProposal>;

/** A transaction for a wallet to complete (nonce, fees, gas), sign and send. */
export const UnsignedTransaction = strictObject({
  chainId: Uint64,
  to: EthereumAddress,
  data: HexBytes,
  value: Uint256,
});

export const PreparedProposal = strictObject({
  proposalId: Uint256,
  description: Type.String({ description: 'The whole text that goes on chain, bound to its proposer' }),
  calls: Type.Array(ProposalCall),
  transaction: UnsignedTransaction,
});
export type PreparedProposal = Static<typeof PreparedProposal>;

export const RawTransaction = strictObject({
  rawTransaction: Type.String({
    pattern: '^0x([0-9a-fA-F]{2})+$',
    maxLength: 262_144,
    description: 'Signed transaction, 0x hex',
  }),
});

export const Tally = strictObject({ for: Uint256, against: Uint256, abstain: Uint256 });

export const RelayStatus = strictObject(
  {
    status: Type.Union([
      Type.Literal('queued'),
      Type.Literal('submitted'),
      Type.Literal('done'),
      Type.Literal('refused'),
    ]),
    updatedAt: Timestamp,
    transactionHash: Type.Optional(Hash32Prefixed),
    reason: Type.Optional(Type.String({ description: 'Why the contracts refused it' })),
  },
  {
    description:
      'queued: durable here. submitted: its signed transaction is durable and being sent. done: the chain has it. ' +
      'refused: the contracts refused it; sending it again tries again.',
  },
);
export type RelayStatus = Static<typeof RelayStatus>;

export const Proposal = strictObject({
  proposalId: Uint256,
  state: ProposalState,
  proposer: EthereumAddress,
  title: Type.String(),
  description: Type.String(),
  calls: Type.Array(ProposalCall),
  createdAt: Timestamp,
  voteStartAt: Type.String({
    format: 'date-time',
    description: 'The snapshot: seats count as of then, voting is after it',
  }),
  voteEndAt: Type.String({ format: 'date-time', description: 'Moves when the quorum is reached late' }),
  executableAt: Type.Optional(Type.String({ format: 'date-time', description: 'End of the timelock, once queued' })),
  executedAt: Type.Optional(Timestamp),
  canceledAt: Type.Optional(Timestamp),
  votes: Tally,
  quorum: Type.Optional(Type.String({ description: 'Votes for and abstain needed; known once somebody voted' })),
  superQuorum: Type.Optional(Type.String({ description: 'Votes for that end the vote early' })),
  transactionHash: Hash32Prefixed,
  blockNumber: Uint64,
  queueing: Type.Optional(RelayStatus),
  execution: Type.Optional(RelayStatus),
});
export type Proposal = Static<typeof Proposal>;

export const proposalParams = strictObject({ proposalId: Uint256 });
export const proposalsQuery = strictObject({
  ...pageQuery,
  state: Type.Optional(ProposalState),
  proposer: Type.Optional(EthereumAddress),
});

export const Vote = strictObject({
  proposalId: Uint256,
  voter: EthereumAddress,
  support: Type.Union([...VoteSupport.anyOf, Type.Literal('split')]),
  weight: Uint256,
  split: Type.Optional(Tally),
  reason: Type.String(),
  castAt: Timestamp,
  transactionHash: Hash32Prefixed,
  blockNumber: Uint64,
});
export type Vote = Static<typeof Vote>;

const reason = Type.Optional(text(1_000));
export const NewVote = strictObject({ voter: EthereumAddress, support: VoteSupport, reason });
export type NewVote = Static<typeof NewVote>;

export const PreparedVote = strictObject({
  transaction: UnsignedTransaction,
  typedData: Type.Unsafe<{
    readonly domain: Readonly<Record<string, unknown>>;
    readonly types: Readonly<Record<string, { name: string; type: string }[]>>;
    readonly message: Readonly<Record<string, unknown>>;
  }>({ type: 'object', description: 'EIP-712: pass domain, types and message to `signTypedData`' }),
});
export type PreparedVote = Static<typeof PreparedVote>;

export const SignedVote = strictObject({
  voter: EthereumAddress,
  support: VoteSupport,
  reason,
  signature: Type.String({ pattern: '^0x[0-9a-fA-F]{130}$', description: 'Of the EIP-712 message, 65 bytes' }),
});
export type SignedVote = Static<typeof SignedVote>;

export const Param = strictObject({
  key: Type.String(),
  unit: Type.String(),
  description: Type.String(),
  value: Uint256,
  min: Uint256,
  max: Uint256,
});
export type Param = Static<typeof Param>;

export const ParamChange = strictObject({
  key: Type.String(),
  value: Uint256,
  previousValue: Type.Optional(Uint256),
  changedAt: Timestamp,
  blockNumber: Uint64,
  transactionHash: Type.Optional(Hash32Prefixed),
  proposalId: Type.Optional(Uint256),
});
export type ParamChange = Static<typeof ParamChange>;
export const paramParams = strictObject({ key: paramKey });

export const Member = strictObject({
  address: EthereumAddress,
  seats: Uint256,
  votingPower: Type.String({ description: 'Own and delegated votes' }),
  delegate: EthereumAddress,
});
export type Member = Static<typeof Member>;
export const memberParams = strictObject({ address: EthereumAddress });

export const Governance = strictObject({
  chainId: Uint64,
  contracts: Type.Record(Type.String(), EthereumAddress),
  guardian: EthereumAddress,
  votingDelaySec: Uint64,
  votingPeriodSec: Uint64,
  timelockDelaySec: Uint64,
  lateQuorumExtensionSec: Uint64,
  quorumPercent: Uint64,
  superQuorumPercent: Uint64,
  proposalThreshold: Uint256,
  totalSeats: Uint256,
  indexedBlock: Type.Integer({ minimum: 0, description: 'The answers of this service are as of this block' }),
});
export type Governance = Static<typeof Governance>;
