/** `eth_getLogs`. */
import type { ChainReader } from '../chain/block.ts';
import { formatLog } from './format.ts';
import { findLogs, type LogLimits, parseLogFilter } from './log-query.ts';
import type { RpcMethods } from './methods.ts';

/** The one method, within limits. */
export function logMethods(reader: ChainReader, limits: LogLimits): RpcMethods {
  return {
    eth_getLogs: async ([filter]) => (await findLogs(reader, parseLogFilter(filter), limits)).map(formatLog),
  };
}
