import { randomBytes } from 'node:crypto';
import { isAppError } from '@lucid/common/errors';
import { connectThroughSocks, SocksError, type SocksProxy } from '@lucid/common/http/socks';
import type { ProbeOutcome, ProbeStep, Visit, VisitOnion } from '../../domain/probe.ts';
import { prepareVisit, type VisitorControl } from './prepare-visit.ts';
import { readStatus } from './read-status.ts';

export interface VisitorOptions {
  /** The visiting tor's SOCKS port; it must give tor's own codes (ExtendedErrors). */
  readonly proxy: SocksProxy;
  /** The visiting tor's control socket. Without it a visit goes by the descriptor tor has, which may be old, and without a key. */
  readonly control?: VisitorControl;
  /** What is asked for by GET; any answer below 500 is one. */
  readonly path: string;
  /** For all steps of a visit together, ms. */
  readonly timeoutMs: number;
}

/**
 * Visits as anybody would: descriptor, rendezvous and connection, request; on circuits of its own. A visit never throws
 * for what the network or the service does, and ends within `timeoutMs` of its turn: visits are made one after another,
 * since what one makes tor forget another may need. Nothing follows a step that failed. Codes:
 * `SOCKS_F0` to `SOCKS_F7` and the other replies, `SOCKS_UNREACHABLE`, `DESCRIPTOR_NOT_FOUND` and tor's other reasons,
 * `TOR_UNAVAILABLE`, `HTTP_500`, `HTTP_NO_ANSWER`, `HTTP_ANSWER_INVALID`, `VISIT_TIMEOUT`.
 */
export function createVisitOnion(options: VisitorOptions): VisitOnion {
  let last: Promise<unknown> = Promise.resolve();
  return (visit, signal) => {
    const outcome = last.then(() => visitOnce(options, visit, signal));
    last = outcome.catch(() => undefined);
    return outcome;
  };
}

async function visitOnce(options: VisitorOptions, visit: Visit, stop?: AbortSignal): Promise<ProbeOutcome> {
  stop?.throwIfAborted();
  const { control, path, timeoutMs } = options;
  const { onionAddress, virtualPort } = visit;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = stop ? AbortSignal.any([timeout, stop]) : timeout;
  const steps: ProbeStep[] = [];
  const take = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const ms = () => Math.round(performance.now() - startedAt);
    try {
      const result = await work();
      steps.push({ name, ms: ms(), ok: true });
      return result;
    } catch (error) {
      const why = timeout.aborted ? overLimit(timeoutMs) : explain(error);
      steps.push({ name, ms: ms(), ok: false, ...why });
      throw error;
    }
  };
  try {
    await using _prepared = control && (await take('descriptor', () => prepareVisit(control, visit, signal)));
    const proxy = { ...options.proxy, isolation: randomBytes(16).toString('hex') };
    const target = { host: onionAddress, port: virtualPort };
    const socket = await take('connect', () => connectThroughSocks(proxy, target, { timeoutMs, signal }));
    await take('http', () => readStatus(socket, { host: onionAddress, path, signal }));
    return { ok: true, steps };
  } catch (error) {
    stop?.throwIfAborted();
    if (steps.at(-1)?.ok === false) return { ok: false, steps };
    throw error;
  }
}

function overLimit(timeoutMs: number): { code: string; reason: string } {
  return { code: 'VISIT_TIMEOUT', reason: `The visit was not over within ${timeoutMs} ms.` };
}

function explain(error: unknown): { code: string; reason: string } {
  if (error instanceof SocksError && error.reply !== undefined) {
    return { code: `SOCKS_${String(error.data['reply'])}`, reason: error.message };
  }
  if (isAppError(error)) return { code: error.code, reason: error.message };
  return { code: 'VISIT_FAILED', reason: error instanceof Error ? error.message : String(error) };
}
