import { stat } from 'node:fs/promises';
import type { FeedOptions } from '@lucid/client/log/checkpoint-feed';
import { createFolderSource } from '@lucid/client/log/folder-source';
import { createHttpSource, type HttpSourceOptions } from '@lucid/client/log/http-source';
import type { LogSource } from '@lucid/client/log/log-source';
import { gatewayPath } from '@lucid/common/apis/gateway';
import { isAppError } from '@lucid/common/errors';
import { parsePolicy, type TlogPolicy } from '@lucid/common/formats/policy';
import { gatewayUrlOf, routeTo } from '../connection.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { cliError } from '../errors.ts';
import { requireTrust } from '../trust.ts';

/** Options of all commands that read a whole log. */
export interface LogOptions extends GlobalOptions {
  readonly log?: string;
  readonly trust?: string;
}

/** A log to read: where its files are, and how they are reached where that is HTTP. */
export interface LogLocation {
  readonly source: LogSource;
  readonly http: HttpSourceOptions | undefined;
}

/**
 * The log a command names: an address, a folder of static files, or, where nothing is named, the platform's.
 * @throws USAGE_INVALID, FILE_UNREADABLE
 */
export async function openLocation(
  context: CliContext,
  options: LogOptions,
  name: string | undefined,
  onRetry?: FeedOptions['onAway'],
): Promise<LogLocation> {
  if (name !== undefined && !/^https?:\/\//u.test(name)) {
    if (options.log !== undefined) throw cliError('USAGE_INVALID', '--log names a log of a platform, not of a folder.');
    const isFolder = await stat(name).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) throw cliError('FILE_UNREADABLE', `There is no folder ${name}; an address starts with http.`);
    return { source: createFolderSource(name), http: undefined };
  }
  const url = name ?? (await platformLogUrl(context, options));
  const http = { url, ...(await routeTo(context, options, url)), ...(onRetry ? { onRetry } : {}) };
  return { source: createHttpSource(http), http };
}

async function platformLogUrl(context: CliContext, options: LogOptions): Promise<string> {
  const log = options.log === undefined ? '/' : `/logs/${encodeURIComponent(options.log)}`;
  return `${await gatewayUrlOf(context, options)}${gatewayPath('ledger', log)}`;
}

/** The trust file to verify a log with. @throws TRUST_MISSING, FILE_UNREADABLE */
export async function readPolicy(context: CliContext, options: LogOptions): Promise<TlogPolicy> {
  const text = await requireTrust(context, options.trust, await gatewayUrlOf(context, options));
  return parsePolicyText(text);
}

/** @throws FILE_UNREADABLE for what is no policy: a fault of the command line, not of the log */
export function parsePolicyText(text: Uint8Array | string): TlogPolicy {
  try {
    return parsePolicy(text);
  } catch (cause) {
    if (!isAppError(cause)) throw cause;
    throw cliError('FILE_UNREADABLE', `The trust file is not a tlog-policy: ${cause.message}.`, { cause });
  }
}
