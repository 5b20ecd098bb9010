/** What a node says of itself. */

import { toHex, toQuantity } from '../bytes.ts';
import { keccak256 } from '../crypto.ts';
import type { RpcMethods } from './methods.ts';
import { parseData } from './params.ts';

/** Methods that need no chain. */
export function metaMethods(chainId: number, version: string): RpcMethods {
  return {
    eth_chainId: () => toQuantity(chainId),
    eth_syncing: () => false,
    eth_accounts: () => [],
    net_version: () => String(chainId),
    net_listening: () => true,
    net_peerCount: () => '0x0',
    web3_clientVersion: () => `lucid-vm/${version}`,
    web3_sha3: ([data]) => toHex(keccak256(parseData(data, 'data'))),
  };
}
