import type { Config } from './config.ts';

/** The log levels of every service, most talkative first. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/**
 * The variables every service has. Spread them first in a service's schema:
 * `defineConfig({ ...serviceVariables('LEDGER', 8086), … })`.
 */
export function serviceVariables<const P extends string>(prefix: P, port: number) {
  return {
    host: {
      name: `${prefix}_HOST`,
      type: 'string',
      default: '127.0.0.1',
      doc: 'Address to listen on; `0.0.0.0` inside a container',
    },
    port: { name: `${prefix}_PORT`, type: 'port', default: port, doc: 'Port to listen on' },
    logLevel: {
      name: `${prefix}_LOG_LEVEL`,
      type: 'enum',
      values: logLevels,
      default: 'info',
      doc: 'Least serious level that is logged',
    },
    drainDelayMs: {
      name: `${prefix}_DRAIN_DELAY_MS`,
      type: 'durationMs',
      default: 0,
      max: 60_000,
      doc: 'On SIGTERM, how long /readyz says 503 before the listener closes',
    },
    drainTimeoutMs: {
      name: `${prefix}_DRAIN_TIMEOUT_MS`,
      type: 'durationMs',
      default: 8_000,
      min: 100,
      max: 300_000,
      doc: 'How long requests that are running may take to finish once the listener is closed',
    },
  } as const;
}

/** What `run` needs of a service's config. */
export type ServiceConfig = Config<ReturnType<typeof serviceVariables>>;
