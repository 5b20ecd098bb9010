import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { AppError } from '../errors.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Config, type ConfigSchema, type Environment, loadConfig } from './config.ts';
import { collectAfterStart } from './idle-memory.ts';
import { createLogger, type Logger } from './logger.ts';
import type { ServiceConfig } from './service-config.ts';

/** What a service's `open` is given beside its config. */
export type ServiceContext = {
  readonly logger: Logger;
  readonly clock: Clock;
};

/** The part of a Fastify app that `run` uses. */
export interface ListeningApp {
  readonly server: Server;
  /** What /readyz answers from. */
  readonly readiness: { drain(reason?: string): void };
  listen(options: { host: string; port: number }): Promise<string>;
  close(): Promise<unknown>;
}

/** What `open` answers: the app that listens, and a disposal that closes everything under it in reverse order. */
export interface OpenService extends AsyncDisposable {
  readonly app: ListeningApp;
}

export type RunOptions<S extends ConfigSchema> = {
  readonly name: string;
  readonly schema: S;
  readonly open: (config: Config<S> & ServiceConfig, context: ServiceContext) => Promise<OpenService>;
  readonly env: Environment;
};

/** A service that listens; disposing it drains and closes. */
export interface RunningService extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
}

/**
 * Opens a service from its config and listens. This is what `run` does without the process around it: `pnpm dev` and
 * the tests start several in one process with it.
 */
export async function startService<S extends ConfigSchema>(
  options: Omit<RunOptions<S>, 'env' | 'schema'>,
  config: Config<S> & ServiceConfig,
  parts: { logger: Logger; clock?: Clock },
): Promise<RunningService> {
  const { logger } = parts;
  const startedAt = performance.now();
  const service = await options.open(config, {
    logger,
    clock: parts.clock ?? systemClock(),
  });
  const unused = trackUnused(service.app.server);
  try {
    await service.app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw portError(options.name, config, error);
  }
  const address = service.app.server.address() as AddressInfo;
  const url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  logger.info({ url, startMs: Math.round(performance.now() - startedAt) }, `${options.name} is ready`);
  let closing: Promise<void> | undefined;
  return {
    name: options.name,
    url,
    [Symbol.asyncDispose]: () => (closing ??= drainAndClose(service, unused, config, logger)),
  };
}

function portError(name: string, config: ServiceConfig, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) return error;
  const message = `${name} cannot listen: ${config.host}:${config.port} is in use by another process`;
  return new AppError('PORT_IN_USE', message, { cause: error });
}

const idleSweepMs = 20;

/** Connections that have not brought a request yet. */
function trackUnused(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', (request) => unused.delete(request.socket));
  // A request the fast lane serves is none of the server's own.
  server.on('laneRequest', (socket: Socket) => unused.delete(socket));
  return unused;
}

/** Readiness off, then the listener, then running requests up to the time-out, then what is under the app. */
async function drainAndClose(
  service: OpenService,
  unused: ReadonlySet<Socket>,
  config: ServiceConfig,
  logger: Logger,
): Promise<void> {
  service.app.readiness.drain();
  if (config.drainDelayMs > 0) await systemClock().sleep(config.drainDelayMs);
  const force = setTimeout(() => {
    logger.warn({ drainTimeoutMs: config.drainTimeoutMs }, 'requests still run: their connections are cut');
    service.app.server.closeAllConnections();
  }, config.drainTimeoutMs);
  // A connection is idle only once its last request is answered, which may be after the listener closed; one that
  // never brought a request is not idle in Node's eyes, and nothing would ever close it.
  const sweep = setInterval(() => {
    service.app.server.closeIdleConnections();
    for (const socket of unused) socket.destroy();
  }, idleSweepMs);
  try {
    await service.app.close();
  } finally {
    clearInterval(sweep);
    clearTimeout(force);
    await service[Symbol.asyncDispose]();
  }
}

/**
 * The whole life of a service's process: config, logger, open, listen, and on SIGTERM or SIGINT drain and close; one
 * that comes while the service opens closes it as soon as it has. It resolves once the service listens. A start that
 * fails, an unhandled rejection and an uncaught exception are logged and end the process with exit code 1; the process
 * ends by itself when nothing is left open.
 */
export async function run<S extends ConfigSchema>(options: RunOptions<S>): Promise<void> {
  let logger = createLogger({ name: options.name, level: 'info' });
  try {
    const config = loadConfig(options.schema, options.env) as Config<S> & ServiceConfig;
    logger = createLogger({ name: options.name, level: config.logLevel });
    // Before anything opens: the first process of a container gets no signal it does not listen to.
    const { promise: ended, resolve: end } = Promise.withResolvers<string>();
    process.on('SIGTERM', end).on('SIGINT', end);
    const service = await startService(options, config, { logger });
    collectAfterStart();
    endOnFaults(end, logger);
    void ended.then((reason) => closeFor(reason, service, logger));
  } catch (error) {
    logFatal(logger, error, `${options.name} cannot start`);
    process.exitCode = 1;
  }
}

function logFatal(logger: Logger, error: unknown, message: string): void {
  if (error instanceof AppError) logger.fatal({ code: error.code }, `${message}: ${error.message}`);
  else logger.fatal({ err: error }, message);
}

async function closeFor(reason: string, service: RunningService, logger: Logger): Promise<void> {
  logger.info({ reason }, `${service.name} drains and closes`);
  try {
    await service[Symbol.asyncDispose]();
    logger.info(`${service.name} is closed`);
  } catch (error) {
    logFatal(logger, error, `${service.name} did not close cleanly`);
    process.exitCode = 1;
  }
}

function endOnFaults(end: (reason: string) => void, logger: Logger): void {
  const fail = (error: unknown): void => {
    logger.fatal({ err: error }, 'a fault nobody handled: the process ends');
    process.exitCode = 1;
    end('fault');
  };
  process.on('unhandledRejection', fail).on('uncaughtException', fail);
}
