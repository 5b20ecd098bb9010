/** Installed filters: a cursor each, no buffer. One that nobody asks for is forgotten. */
import { randomBytes } from 'node:crypto';
import { toHex } from '../bytes.ts';
import type { ChainReader } from '../chain/block.ts';
import { getBlock } from './block-source.ts';
import { formatLog } from './format.ts';
import { findLogs, findSpan, type LogFilter, type LogLimits, parseLogFilter } from './log-query.ts';
import type { RpcMethods } from './methods.ts';
import { RpcError } from './rpc-error.ts';

export type FilterLimits = LogLimits & {
  /** Filters installed at once; the one unused longest makes room. */
  readonly filtersMax: number;
  /** How long a filter lives without being asked, ms. */
  readonly filterTtlMs: number;
};

type Installed = { readonly logs: LogFilter | undefined; next: number; usedAt: number };

/** Methods of polling clients. `nowMs` is any clock that only moves forward. */
export function filterMethods(reader: ChainReader, limits: FilterLimits, nowMs: () => number): RpcMethods {
  const installed = new Map<string, Installed>();

  const sweep = (): void => {
    for (const [id, filter] of installed) {
      if (nowMs() - filter.usedAt < limits.filterTtlMs && installed.size < limits.filtersMax) return;
      installed.delete(id);
    }
  };
  const install = (logs: LogFilter | undefined): string => {
    sweep();
    const id = toHex(randomBytes(16)).replace(/^0x0+/, '0x');
    installed.set(id, { logs, next: reader.headNumber() + 1, usedAt: nowMs() });
    return id;
  };
  /** The filter, moved to the end of the line of those to be forgotten. */
  const use = (id: unknown): Installed => {
    const filter = typeof id === 'string' ? installed.get(id) : undefined;
    if (filter === undefined || nowMs() - filter.usedAt >= limits.filterTtlMs) {
      throw new RpcError(-32000, 'filter not found');
    }
    installed.delete(String(id));
    installed.set(String(id), filter);
    filter.usedAt = nowMs();
    return filter;
  };

  return {
    eth_newFilter: ([filter]) => install(parseLogFilter(filter)),
    eth_newBlockFilter: () => install(undefined),
    eth_uninstallFilter: ([id]) => installed.delete(String(id)),
    eth_getFilterChanges: async ([id]) => {
      const filter = use(id);
      const from = filter.next;
      const to = Math.min(reader.headNumber(), from + limits.blocksMax - 1);
      if (to < from) return [];
      const found = await changes(reader, filter.logs, { from, to }, limits);
      filter.next = to + 1;
      return found;
    },
    eth_getFilterLogs: async ([id]) => {
      const { logs } = use(id);
      if (logs === undefined) throw new RpcError(-32000, 'filter not found');
      return (await findLogs(reader, logs, limits)).map(formatLog);
    },
  };
}

async function changes(
  reader: ChainReader,
  logs: LogFilter | undefined,
  span: { from: number; to: number },
  limits: LogLimits,
): Promise<unknown[]> {
  if (logs !== undefined) return (await findSpan(reader, logs.criteria, span, limits)).map(formatLog);
  return Array.from({ length: span.to - span.from + 1 }, (_, offset) =>
    toHex(getBlock(reader, { kind: 'number', number: span.from + offset }).hash),
  );
}
