/** Turns a failed execution into the error clients know. */
import { bytesToBig, toHex, toQuantity } from '../bytes.ts';
import { RpcError } from '../rpc/rpc-error.ts';

/** keccak256("Error(string)") and keccak256("Panic(uint256)"), first four bytes. */
const ERROR_STRING = '0x08c379a0';
const PANIC = '0x4e487b71';

/** The codes Solidity panics with. */
const PANICS: Readonly<Record<string, string>> = {
  '0x0': 'generic panic',
  '0x1': 'assert(false)',
  '0x11': 'arithmetic underflow or overflow',
  '0x12': 'division or modulo by zero',
  '0x21': 'enum overflow',
  '0x22': 'invalid encoded storage byte array accessed',
  '0x31': 'out-of-bounds array access; popping on an empty array',
  '0x32': 'out-of-bounds access of an array or bytesN',
  '0x41': 'out of memory',
  '0x51': 'uninitialized function',
};

/** The reason inside revert data, where it is Solidity's `Error(string)` or `Panic(uint256)`. */
export function revertReason(data: Uint8Array): string | undefined {
  const selector = toHex(data.subarray(0, 4));
  if (selector === PANIC && data.length === 36) {
    const code = toQuantity(bytesToBig(data.subarray(4)));
    return `${PANICS[code] ?? 'unknown panic code'} (${code})`;
  }
  if (selector !== ERROR_STRING || data.length < 68) return undefined;
  const size = Number(bytesToBig(data.subarray(36, 68)));
  if (size > data.length - 68) return undefined;
  return new TextDecoder().decode(data.subarray(68, 68 + size));
}

/** Error 3 with the revert data, as ethers and viem decode it. */
export function revertError(data: Uint8Array): RpcError {
  const reason = revertReason(data);
  return new RpcError(3, reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`, toHex(data));
}
