import { type DestinationStream, type LoggerOptions, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { standardOutputDestination } from './log-destination.ts';

export type Logger = PinoLogger;

/** Names whose values never reach a log, at the top level and up to three objects down. */
const secretNames = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'password',
  'passphrase',
  'secret',
  'sessionSecret',
  'token',
  'accessToken',
  'access_token',
  'refreshToken',
  'refresh_token',
  'apiKey',
  'api_key',
  'privateKey',
  'private_key',
  'setupCode',
  'mnemonic',
  'seed',
];

/** The fields pino redacts: every secret name at four depths. */
export const redactedPaths: readonly string[] = secretNames.flatMap((name) => {
  const key = /^\w+$/.test(name) ? `.${name}` : `["${name}"]`;
  return [key.replace(/^\./, ''), `*${key}`, `*.*${key}`, `*.*.*${key}`];
});

/** Pino options every logger of the platform has: JSON lines, ISO time, level as a word, secrets redacted. */
export function loggerOptions(options: { name: string; level: string }): LoggerOptions {
  return {
    name: options.name,
    level: options.level,
    base: { pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: [...redactedPaths], censor: '[redacted]' },
  };
}

/** A logger that writes JSON lines to standard output, or to `destination`. */
export function createLogger(options: { name: string; level: string }, destination?: DestinationStream): Logger {
  return pino(loggerOptions(options), destination ?? standardOutputDestination());
}
