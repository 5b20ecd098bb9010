import Type, { type Static } from 'typebox';
import { defineApi } from './api.ts';
import {
  EthereumAddress,
  Hash32,
  Hash32Prefixed,
  HexBytes,
  page,
  pageQuery,
  strictObject,
  Timestamp,
  Uint64,
  Uint256,
  Uuid,
} from './schemas.ts';

/** What an operation that asks the chain can answer. */
const chainErrors = ['DEPENDENCY_UNAVAILABLE', 'CHAIN_CALL_FAILED', 'VM_ANSWER_TOO_LARGE'] as const;

/** A call, as JSON-RPC 2.0 writes it. Without `id` it is a notification, which gets no answer. */
export interface JsonRpcRequest {
  readonly jsonrpc: '2.0';
  readonly id?: string | number | null;
  readonly method: string;
  readonly params?: readonly unknown[] | Readonly<Record<string, unknown>>;
}

const RpcBody = Type.Unsafe<JsonRpcRequest | readonly JsonRpcRequest[]>({
  description: 'A JSON-RPC 2.0 request, or a batch of at most 100',
  examples: [{ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] }],
});

const RpcError = strictObject({
  code: Type.Integer(),
  message: Type.String(),
  data: Type.Optional(Type.Unknown()),
});
const RpcId = Type.Union([Type.String(), Type.Number(), Type.Null()]);
const RpcResponse = Type.Union([
  strictObject({ jsonrpc: Type.Literal('2.0'), id: RpcId, result: Type.Unknown() }),
  strictObject({ jsonrpc: Type.Literal('2.0'), id: RpcId, error: RpcError }),
]);

const rpcOperation = {
  method: 'POST',
  tag: 'json-rpc',
  access: 'public',
  body: RpcBody,
  description:
    'JSON-RPC 2.0 over HTTP. Reads (`eth_*`, `net_*`, `web3_*`) are open to anybody; `eth_sendRawTransaction` needs any ' +
    'valid token as `Authorization: Bearer`; `txpool_status` needs the role operator, admin or service, and the other ' +
    '`txpool_*` and `debug_*` (traces, raw blocks) one of these or auditor. ' +
    'Faults of a call are answered with status 200 and an error object: -32700 not JSON, -32600 no valid request, ' +
    '-32601 no such method, -32602 wrong parameters, -32001 the caller may not call this method, -32002 the chain does ' +
    'not answer now, -32005 over a limit (of the answer, of calls waiting, of the caller’s quota), 3 the call reverted ' +
    '(`data` is the revert data).',
  responses: {
    200: {
      description: 'An answer, or for a batch an array of them',
      schema: Type.Union([RpcResponse, Type.Array(RpcResponse)]),
    },
    204: { description: 'Only notifications were sent: there is nothing to answer' },
  },
  errors: ['AUTH_TOKEN_INVALID', 'AUTH_TOKEN_EXPIRED', 'AUTH_AUDIENCE_WRONG'],
} as const;

const HeadBlock = strictObject({ number: Uint64, hash: Hash32Prefixed, timestamp: Timestamp });

export const Chain = strictObject({
  chainId: Uint64,
  genesisHash: Hash32Prefixed,
  head: HeadBlock,
  contracts: Type.Record(Type.String(), EthereumAddress, {
    description: "The platform's contracts by name: LucidAnchors, LucidParams, LucidGovernor, …",
  }),
});
export type Chain = Static<typeof Chain>;

const blockProperties = {
  number: Uint64,
  hash: Hash32Prefixed,
  parentHash: Hash32Prefixed,
  timestamp: Timestamp,
  stateRoot: Hash32Prefixed,
  transactionsRoot: Hash32Prefixed,
  receiptsRoot: Hash32Prefixed,
  miner: EthereumAddress,
  gasUsed: Uint64,
  gasLimit: Uint64,
  size: Uint64,
  transactionCount: Uint64,
};
export const BlockSummary = strictObject(blockProperties);
export type BlockSummary = Static<typeof BlockSummary>;

export const Block = strictObject({ ...blockProperties, transactionHashes: Type.Array(Hash32Prefixed) });
export type Block = Static<typeof Block>;

const transactionProperties = {
  hash: Hash32Prefixed,
  type: Uint64,
  from: EthereumAddress,
  to: Type.Optional(EthereumAddress),
  nonce: Uint64,
  value: Uint256,
  input: HexBytes,
  gasLimit: Uint64,
  blockNumber: Type.Optional(Uint64),
  blockHash: Type.Optional(Hash32Prefixed),
  transactionIndex: Type.Optional(Uint64),
};
export const TransactionSummary = strictObject(transactionProperties, {
  description: 'A transaction; without `to` it creates a contract, without `blockNumber` it waits for a block',
});
export type TransactionSummary = Static<typeof TransactionSummary>;

export const Receipt = strictObject({
  status: Type.Union([Type.Literal('succeeded'), Type.Literal('reverted')]),
  gasUsed: Uint64,
  effectiveGasPrice: Uint256,
  contractAddress: Type.Optional(EthereumAddress),
  logs: Type.Array(
    strictObject({ logIndex: Uint64, address: EthereumAddress, topics: Type.Array(Hash32Prefixed), data: HexBytes }),
  ),
});
export type Receipt = Static<typeof Receipt>;

export const Transaction = strictObject({ ...transactionProperties, receipt: Type.Optional(Receipt) });
export type Transaction = Static<typeof Transaction>;

export const AnchorContent = strictObject(
  {
    sessionId: Uuid,
    manifestHash: Hash32,
    merkleRoot: Hash32,
    owner: EthereumAddress,
    startedAt: Timestamp,
    chunkCount: Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1 }),
  },
  { description: 'What LucidAnchors.registerSession records of a sealed session' },
);
export type AnchorContent = Static<typeof AnchorContent>;

export const AnchorStatus = Type.Union(
  [Type.Literal('queued'), Type.Literal('submitted'), Type.Literal('confirmed'), Type.Literal('failed')],
  {
    description:
      'queued: durable here. submitted: its signed transaction is durable and being sent. ' +
      'confirmed: in a block. failed: the contract refused it, `reason` says why; posting it again queues it again.',
  },
);
export type AnchorStatus = Static<typeof AnchorStatus>;

export const Anchor = strictObject({
  ...AnchorContent.properties,
  status: AnchorStatus,
  createdAt: Timestamp,
  updatedAt: Timestamp,
  attempts: Type.Integer({ minimum: 0, description: 'Transactions signed for it' }),
  transactionHash: Type.Optional(Hash32Prefixed),
  blockNumber: Type.Optional(Uint64),
  blockHash: Type.Optional(Hash32Prefixed),
  reason: Type.Optional(Type.String()),
});
export type Anchor = Static<typeof Anchor>;

export const AnchorProof = strictObject(
  {
    chainId: Uint64,
    contract: EthereumAddress,
    sessionId: Uuid,
    blockNumber: Uint64,
    blockHash: Hash32Prefixed,
    blockHeader: Type.String({
      pattern: '^0x([0-9a-f]{2})+$',
      description: 'RLP of the header; its keccak-256 is `blockHash`',
    }),
    accountProof: Type.Array(HexBytes, { description: "Trie nodes from the block's stateRoot to the contract" }),
    storageProof: Type.Array(
      strictObject({ key: Hash32Prefixed, value: Hash32Prefixed, proof: Type.Array(HexBytes) }),
      { minItems: 4, maxItems: 4, description: "The four slots of the session's record, in their order" },
    ),
  },
  { description: 'What an offline verifier needs of the chain (EIP-1186)' },
);
export type AnchorProof = Static<typeof AnchorProof>;

export const Param = strictObject({
  key: Type.String(),
  unit: Type.String(),
  description: Type.String(),
  value: Uint256,
  min: Uint256,
  max: Uint256,
  blockNumber: Type.Integer({ minimum: 0, description: 'The block as of which this is the value' }),
});
export type Param = Static<typeof Param>;

const blockId = strictObject({
  id: Type.String({
    pattern: '^(latest|0x[0-9a-f]{64}|0|[1-9][0-9]{0,14})$',
    description: 'A block number, a block hash, or `latest`',
  }),
});
const sessionParams = strictObject({ sessionId: Uuid });

/** blockchain-api (8084): the chain's public face, and the queue that anchors sealed sessions. */
export const blockchainApi = defineApi({
  service: 'blockchain-api',
  title: 'Lucid blockchain API',
  description: "The chain's public face: JSON-RPC, blocks and transactions, anchors of sessions, governed parameters",
  errors: {
    BLOCK_NOT_FOUND: { status: 404, doc: 'The chain has no such block.' },
    TRANSACTION_NOT_FOUND: { status: 404, doc: 'The chain knows no such transaction.' },
    PARAM_NOT_FOUND: { status: 404, doc: 'There is no such governed parameter.' },
    ANCHOR_NOT_FOUND: { status: 404, doc: 'No anchor was asked for under this session.' },
    ANCHOR_CONFLICT: { status: 409, doc: 'The session has an anchor already, with other content.' },
    ANCHOR_NOT_CONFIRMED: { status: 409, doc: 'The anchor is in no block yet; `anchorStatus` says where it is.' },
    ANCHOR_INVALID: { status: 422, doc: 'The contract would refuse this content for ever.' },
    CHAIN_CALL_FAILED: { status: 502, doc: 'The chain refused a call of this service; `error` is what it said.' },
    VM_ANSWER_TOO_LARGE: { status: 502, doc: 'The chain’s answer is over the limit; ask for fewer items.' },
    STORE_FAILED: { status: 503, doc: 'A write failed; nothing is written any more until an operator restarts it.' },
    STORE_BUSY: { status: 503, doc: 'More writes wait than the service takes; try again.' },
    ANCHOR_QUEUE_FULL: { status: 503, doc: 'Too many anchors wait for the chain; try again.' },
  },
  operations: {
    rpc: { ...rpcOperation, path: '/rpc', summary: 'Call the chain by JSON-RPC' },
    rpcRoot: { ...rpcOperation, path: '/', summary: 'Call the chain by JSON-RPC, at the root' },
    getChain: {
      method: 'GET',
      path: '/chain',
      summary: 'The chain: id, genesis, head, contracts',
      tag: 'explorer',
      access: 'public',
      responses: { 200: { description: 'The chain', schema: Chain } },
      errors: [...chainErrors],
    },
    listBlocks: {
      method: 'GET',
      path: '/blocks',
      summary: 'List blocks, newest first',
      tag: 'explorer',
      access: 'public',
      query: strictObject(pageQuery),
      responses: { 200: { description: 'Blocks', schema: page(BlockSummary) } },
      errors: ['CURSOR_INVALID', ...chainErrors],
    },
    getBlock: {
      method: 'GET',
      path: '/blocks/{id}',
      summary: 'Get a block by number, hash or `latest`',
      tag: 'explorer',
      access: 'public',
      params: blockId,
      responses: { 200: { description: 'The block', schema: Block } },
      errors: ['BLOCK_NOT_FOUND', ...chainErrors],
    },
    listBlockTransactions: {
      method: 'GET',
      path: '/blocks/{id}/transactions',
      summary: "List a block's transactions, in their order",
      tag: 'explorer',
      access: 'public',
      params: blockId,
      query: strictObject(pageQuery),
      responses: { 200: { description: 'Transactions', schema: page(TransactionSummary) } },
      errors: ['BLOCK_NOT_FOUND', 'CURSOR_INVALID', ...chainErrors],
    },
    getTransaction: {
      method: 'GET',
      path: '/transactions/{hash}',
      summary: 'Get a transaction with its receipt',
      tag: 'explorer',
      access: 'public',
      params: strictObject({ hash: Hash32Prefixed }),
      responses: { 200: { description: 'The transaction; `receipt` once it is in a block', schema: Transaction } },
      errors: ['TRANSACTION_NOT_FOUND', ...chainErrors],
    },
    createAnchor: {
      method: 'POST',
      path: '/anchors',
      summary: 'Queue the anchor of a sealed session',
      description:
        'Idempotent by `sessionId`: the same content again answers the same anchor. When this answers, the anchor is ' +
        'durable and will be registered on the chain exactly once.',
      tag: 'anchors',
      access: { roles: ['service', 'operator'] },
      body: AnchorContent,
      bodyBytesMax: 4096,
      responses: {
        200: { description: 'It was queued before', schema: Anchor },
        201: { description: 'It is queued', schema: Anchor },
      },
      errors: ['ANCHOR_CONFLICT', 'ANCHOR_INVALID', 'ANCHOR_QUEUE_FULL', 'STORE_FAILED', 'STORE_BUSY'],
    },
    listAnchors: {
      method: 'GET',
      path: '/anchors',
      summary: 'List anchors, newest first',
      tag: 'anchors',
      access: { roles: ['service', 'operator', 'auditor', 'admin'] },
      query: strictObject({ ...pageQuery, status: Type.Optional(AnchorStatus) }),
      responses: { 200: { description: 'Anchors', schema: page(Anchor) } },
      errors: ['CURSOR_INVALID'],
    },
    getAnchor: {
      method: 'GET',
      path: '/anchors/{sessionId}',
      summary: "Get a session's anchor",
      tag: 'anchors',
      access: 'authenticated',
      params: sessionParams,
      responses: { 200: { description: 'The anchor', schema: Anchor } },
      errors: ['ANCHOR_NOT_FOUND'],
    },
    getAnchorProof: {
      method: 'GET',
      path: '/anchors/{sessionId}/proof',
      summary: "Prove a session's anchor: storage proof and block header",
      tag: 'anchors',
      access: 'authenticated',
      params: sessionParams,
      responses: { 200: { description: 'The proof', schema: AnchorProof } },
      errors: ['ANCHOR_NOT_FOUND', 'ANCHOR_NOT_CONFIRMED', ...chainErrors],
    },
    listParams: {
      method: 'GET',
      path: '/params',
      summary: 'List the governed parameters with value and bounds',
      tag: 'params',
      access: 'public',
      responses: { 200: { description: 'Parameters', schema: strictObject({ items: Type.Array(Param) }) } },
      errors: [...chainErrors],
    },
    getParam: {
      method: 'GET',
      path: '/params/{key}',
      summary: 'Get a governed parameter',
      tag: 'params',
      access: 'public',
      params: strictObject({ key: Type.String({ minLength: 1, maxLength: 64 }) }),
      responses: { 200: { description: 'The parameter', schema: Param } },
      errors: ['PARAM_NOT_FOUND', ...chainErrors],
    },
  },
});
