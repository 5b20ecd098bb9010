import Type from 'typebox';
import { defineApi, type ErrorCatalogue } from './api.ts';
import { EthereumAddress, Hash32Prefixed, HexBytes, strictObject, Uint64, Uint256 } from './schemas.ts';

/** What the vm answers besides the common codes. */
export const vmErrors = {
  VM_GENESIS_INVALID: { status: 422, doc: 'The genesis file is missing or not a genesis configuration.' },
  VM_GENESIS_FAILED: { status: 500, doc: 'A step of genesis failed; the chain is not created.' },
  VM_GENESIS_MISMATCH: { status: 409, doc: 'The data folder holds a chain of another genesis configuration.' },
  VM_STORE_DAMAGED: { status: 500, doc: 'The stored chain contradicts itself; restore it from a backup.' },
  VM_BLOCK_NOT_FOUND: { status: 404, doc: 'No such block, or it lies in the future.' },
  VM_CALL_REVERTED: { status: 422, doc: 'The call reverted; `data` holds the revert data.' },
  VM_CALL_REFUSED: { status: 422, doc: 'The call cannot run: too little gas or balance, or bad parameters.' },
  VM_CALL_DEADLINE: { status: 503, doc: 'The call ran longer than a call may; it was stopped.' },
} as const satisfies ErrorCatalogue;

const JsonRpcId = Type.Union([Type.String({ maxLength: 128 }), Type.Number(), Type.Null()]);

/** One call of JSON-RPC 2.0. Unknown members are let through, as other implementations do. */
export const JsonRpcRequest = Type.Object({
  jsonrpc: Type.Literal('2.0'),
  id: Type.Optional(JsonRpcId),
  method: Type.String({ maxLength: 64 }),
  params: Type.Optional(Type.Union([Type.Array(Type.Unknown()), Type.Record(Type.String(), Type.Unknown())])),
});
export const JsonRpcResponse = Type.Object({
  jsonrpc: Type.Literal('2.0'),
  id: JsonRpcId,
  result: Type.Optional(Type.Unknown()),
  error: Type.Optional(
    Type.Object({ code: Type.Integer(), message: Type.String(), data: Type.Optional(Type.Unknown()) }),
  ),
});

const Quantity = Type.String({ pattern: '^0x(0|[1-9a-f][0-9a-f]*)$', description: 'Ethereum quantity' });
const BlockRef = Type.String({
  pattern: '^(latest|pending|earliest|safe|finalized|0x(0|[1-9a-f][0-9a-f]{0,15})|0x[0-9a-f]{64})$',
  description: 'A tag, a number as quantity, or a block hash',
});

const CallBody = strictObject({
  from: Type.Optional(EthereumAddress),
  to: Type.Optional(EthereumAddress),
  data: Type.Optional(HexBytes),
  value: Type.Optional(Quantity),
  gasLimit: Type.Optional(Quantity),
  block: Type.Optional(BlockRef),
});

const Status = strictObject({
  chainId: Uint64,
  hardfork: Type.String(),
  genesisHash: Hash32Prefixed,
  head: strictObject({
    blockNumber: Uint64,
    blockHash: Hash32Prefixed,
    stateRoot: Hash32Prefixed,
    timestamp: Type.Integer({ minimum: 0, description: 'Seconds since 1970' }),
  }),
  pendingTransactions: Type.Integer({ minimum: 0 }),
  blockGasLimit: Uint64,
  ledgerOutbox: strictObject({
    pending: Type.Integer({ minimum: 0, description: 'Block headers the ledger does not have yet' }),
    parked: Type.Integer({ minimum: 0, description: 'Block headers the ledger refused' }),
    lastError: Type.Optional(Type.String()),
  }),
});

const Contract = strictObject({ name: Type.String(), address: EthereumAddress, codeHash: Hash32Prefixed });

const Account = strictObject({
  address: EthereumAddress,
  blockNumber: Uint64,
  balance: Uint256,
  nonce: Uint64,
  codeHash: Hash32Prefixed,
  codeSize: Type.Integer({ minimum: 0 }),
  storageRoot: Hash32Prefixed,
});

const readers = { roles: ['service', 'operator', 'auditor'] } as const;

/** The EVM chain. Its one regular caller is blockchain-api, which shows it to the world. */
export const vmApi = defineApi({
  service: 'vm',
  title: 'Lucid vm',
  description: 'The persistent EVM chain: Ethereum JSON-RPC for blockchain-api, and views for operators and auditors.',
  errors: vmErrors,
  operations: {
    callRpc: {
      method: 'POST',
      path: '/rpc',
      summary: 'Ethereum JSON-RPC',
      description:
        'One request or a batch of up to 1000. Refusals are JSON-RPC errors with status 200, as clients expect. ' +
        'Notifications (requests without an id) are carried out and not answered.',
      access: { roles: ['service'] },
      body: Type.Unknown(),
      bodyBytesMax: 8 * 1024 * 1024,
      responses: {
        200: {
          description: 'The answer, or the batch of answers in the order of the requests',
          schema: Type.Union([JsonRpcResponse, Type.Array(JsonRpcResponse)]),
        },
        204: { description: 'Nothing but notifications' },
      },
      internal: true,
    },
    getStatus: {
      method: 'GET',
      path: '/status',
      summary: 'Where the chain stands',
      access: readers,
      responses: { 200: { description: 'Head, pool and outbox', schema: Status } },
    },
    listContracts: {
      method: 'GET',
      path: '/contracts',
      summary: 'The contracts genesis put in place',
      access: readers,
      responses: {
        200: { description: 'In the order of creation', schema: strictObject({ items: Type.Array(Contract) }) },
      },
    },
    getAccount: {
      method: 'GET',
      path: '/accounts/{address}',
      summary: 'An account at a block',
      access: readers,
      params: strictObject({ address: EthereumAddress }),
      query: strictObject({ block: Type.Optional(BlockRef) }),
      responses: { 200: { description: 'The account; all zero where nobody has used it', schema: Account } },
      errors: ['VM_BLOCK_NOT_FOUND'],
    },
    call: {
      method: 'POST',
      path: '/call',
      summary: 'Run a call without a transaction',
      access: readers,
      body: CallBody,
      responses: {
        200: { description: 'What the call returned', schema: strictObject({ result: HexBytes, gasUsed: Quantity }) },
      },
      errors: ['VM_BLOCK_NOT_FOUND', 'VM_CALL_REVERTED', 'VM_CALL_REFUSED', 'VM_CALL_DEADLINE'],
    },
    estimate: {
      method: 'POST',
      path: '/estimate',
      summary: 'The least gas limit a call succeeds with',
      access: readers,
      body: CallBody,
      responses: { 200: { description: 'Gas', schema: strictObject({ gasLimit: Quantity }) } },
      errors: ['VM_BLOCK_NOT_FOUND', 'VM_CALL_REVERTED', 'VM_CALL_REFUSED', 'VM_CALL_DEADLINE'],
    },
  },
});
