/** What a caller of `debug_trace…` asks for. */
import { optional, parseBoolean, parseObject } from '../rpc/params.ts';
import { invalidParams } from '../rpc/rpc-error.ts';
import type { JournaledState } from '../state/journaled-state.ts';
import { CallTracer } from './call-tracer.ts';
import { PrestateTracer } from './prestate-tracer.ts';
import { StructLogger } from './struct-logger.ts';
import type { TraceBudget, Tracer } from './tracer.ts';

/** Makes a tracer for one execution on a state; `parties` as `PrestateTracer` has them. */
export type TracerFactory = (
  state: JournaledState,
  budget: TraceBudget,
  parties: () => readonly Uint8Array[],
) => Tracer;

/**
 * The options object: `tracer` (`callTracer`, `prestateTracer`, or none for the struct logger), `tracerConfig`, and the
 * struct logger's own members beside it. `timeout` and `reexec` are taken and do nothing: the service has one deadline
 * for all, and holds every state.
 * @throws RpcError -32602
 */
export function parseTraceOptions(value: unknown): TracerFactory {
  const fields = optional(value, (given) => parseObject(given, 'options')) ?? {};
  const config = optional(fields['tracerConfig'], (given) => parseObject(given, 'tracerConfig')) ?? {};
  const { tracer } = fields;
  if (tracer === undefined || tracer === null || tracer === '') return structLogger(fields);
  if (tracer === 'callTracer') {
    const options = { onlyTopCall: flag(config, 'onlyTopCall'), withLog: flag(config, 'withLog') };
    return (_state, budget) => new CallTracer(options, budget);
  }
  if (tracer === 'prestateTracer') {
    const options = {
      diffMode: flag(config, 'diffMode'),
      disableCode: flag(config, 'disableCode'),
      disableStorage: flag(config, 'disableStorage'),
    };
    return (state, budget, parties) => new PrestateTracer(options, state, budget, parties());
  }
  throw invalidParams(
    'there is no such tracer: callTracer and prestateTracer are there, and the struct logger without',
  );
}

function structLogger(fields: Readonly<Record<string, unknown>>): TracerFactory {
  const { limit = 0 } = fields;
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 0) {
    throw invalidParams('invalid argument limit: expected a whole number');
  }
  const options = {
    disableStack: flag(fields, 'disableStack'),
    disableStorage: flag(fields, 'disableStorage'),
    enableMemory: flag(fields, 'enableMemory'),
    enableReturnData: flag(fields, 'enableReturnData'),
    limit,
  };
  return (state, budget) => new StructLogger(options, state, budget);
}

function flag(fields: Readonly<Record<string, unknown>>, name: string): boolean {
  return optional(fields[name], (value) => parseBoolean(value, name)) ?? false;
}
