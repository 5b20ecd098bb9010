import type { Role } from '@lucid/common/apis/api';
import { hasRole, type Identity } from '@lucid/common/http/identity';

/** Who may call a method: anybody, anyone with a valid token, or a token with one of the roles. */
type MethodAccess = 'public' | 'authenticated' | readonly Role[];

const operators: readonly Role[] = ['operator', 'admin', 'service'];
/** Tracing costs much, and the pool shows what others are about to do. */
const inspectors: readonly Role[] = ['operator', 'admin', 'auditor', 'service'];

/** Reads of the Ethereum execution API, with its filters. Methods that sign with a node's own keys are not offered. */
const publicMethods = [
  'eth_accounts',
  'eth_blobBaseFee',
  'eth_blockNumber',
  'eth_call',
  'eth_chainId',
  'eth_createAccessList',
  'eth_estimateGas',
  'eth_feeHistory',
  'eth_gasPrice',
  'eth_getBalance',
  'eth_getBlockByHash',
  'eth_getBlockByNumber',
  'eth_getBlockReceipts',
  'eth_getBlockTransactionCountByHash',
  'eth_getBlockTransactionCountByNumber',
  'eth_getCode',
  'eth_getFilterChanges',
  'eth_getFilterLogs',
  'eth_getLogs',
  'eth_getProof',
  'eth_getRawTransactionByBlockHashAndIndex',
  'eth_getRawTransactionByBlockNumberAndIndex',
  'eth_getRawTransactionByHash',
  'eth_getStorageAt',
  'eth_getTransactionByBlockHashAndIndex',
  'eth_getTransactionByBlockNumberAndIndex',
  'eth_getTransactionByHash',
  'eth_getTransactionCount',
  'eth_getTransactionReceipt',
  'eth_getUncleCountByBlockHash',
  'eth_getUncleCountByBlockNumber',
  'eth_maxPriorityFeePerGas',
  'eth_newBlockFilter',
  'eth_newFilter',
  'eth_syncing',
  'eth_uninstallFilter',
  'net_listening',
  'net_peerCount',
  'net_version',
  'web3_clientVersion',
  'web3_sha3',
];

const inspectionMethods = [
  'debug_getRawBlock',
  'debug_getRawHeader',
  'debug_getRawReceipts',
  'debug_getRawTransaction',
  'debug_traceBlockByHash',
  'debug_traceBlockByNumber',
  'debug_traceCall',
  'debug_traceTransaction',
  'txpool_content',
  'txpool_contentFrom',
  'txpool_inspect',
];

const methods: ReadonlyMap<string, MethodAccess> = new Map<string, MethodAccess>([
  ...publicMethods.map((method) => [method, 'public'] as const),
  ['eth_sendRawTransaction', 'authenticated'],
  ...inspectionMethods.map((method) => [method, inspectors] as const),
  ['txpool_status', operators],
]);

/** Methods that execute code, search, or prove: their cost is the caller's to choose. */
const dearMethods: ReadonlySet<string> = new Set([
  ...inspectionMethods,
  'eth_call',
  'eth_createAccessList',
  'eth_estimateGas',
  'eth_feeHistory',
  'eth_getBlockReceipts',
  'eth_getFilterChanges',
  'eth_getFilterLogs',
  'eth_getLogs',
  'eth_getProof',
]);

export function isDear(method: string): boolean {
  return dearMethods.has(method);
}

/** Methods that leave a filter in the chain's memory, which has room for a number of them. */
export function isFilter(method: string): boolean {
  return method === 'eth_newFilter' || method === 'eth_newBlockFilter';
}

/** Every method somebody may call. */
export const offeredMethods: readonly string[] = [...methods.keys()];

export type MethodVerdict = 'allowed' | 'unknown' | 'needs-token' | 'needs-role';

/** Whether the caller may call the method. A method that is not on the list does not exist here. */
export function judgeMethod(method: string, identity: Identity | undefined): MethodVerdict {
  const access = methods.get(method);
  if (access === undefined) return 'unknown';
  if (access === 'public') return 'allowed';
  if (!identity) return 'needs-token';
  if (access === 'authenticated') return 'allowed';
  return hasRole(identity, ...access) ? 'allowed' : 'needs-role';
}
