/** The instructions tracers look at (Yellow Paper, appendix H). */
export const opcodes = {
  balance: 0x31,
  extcodesize: 0x3b,
  extcodecopy: 0x3c,
  extcodehash: 0x3f,
  sload: 0x54,
  sstore: 0x55,
  log0: 0xa0,
  log4: 0xa4,
  create: 0xf0,
  call: 0xf1,
  callcode: 0xf2,
  delegatecall: 0xf4,
  create2: 0xf5,
  staticcall: 0xfa,
  selfdestruct: 0xff,
} as const;

/** Gas a callee gets for nothing where value comes with the call. */
export const CALL_STIPEND = 2300n;

/** The item `depth` below the top of a stack whose last item is the top; zero where there is none. */
export function stackItem(stack: readonly bigint[], depth: number): bigint {
  return stack[stack.length - 1 - depth] ?? 0n;
}
