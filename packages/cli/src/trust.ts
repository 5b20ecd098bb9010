import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LedgerClient } from '@lucid/client/lucid-client';
import { encodeLogPolicy } from '@lucid/common/formats/policy';
import type { CliContext } from './context.ts';
import { cliError } from './errors.ts';
import { isErrno } from './setup/private-file.ts';

// A trust file is a c2sp.org/tlog-policy. The one of a platform is kept when it is first met; from then on another key
// is refused, as ssh does with hosts.

function trustPath({ config }: Pick<CliContext, 'config'>, gatewayUrl: string): string {
  const host = new URL(gatewayUrl).host.replaceAll(/[^a-zA-Z0-9.-]/g, '_');
  const digest = createHash('sha256').update(gatewayUrl).digest('hex').slice(0, 8);
  return join(config.configFolder, `trust-${host}-${digest}.policy`);
}

/** The trust file kept for a platform. */
export async function findTrust(context: Pick<CliContext, 'config'>, gatewayUrl: string): Promise<string | undefined> {
  try {
    return await readFile(trustPath(context, gatewayUrl), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The trust file the platform itself claims. */
export async function fetchTrust(ledger: Pick<LedgerClient, 'getLogKey'>): Promise<string> {
  return encodeLogPolicy((await ledger.getLogKey()).verifierKey);
}

/** Keeps a platform's trust file at the first meeting. @throws TRUST_CHANGED when it is not the one kept */
export async function pinTrust(
  context: Pick<CliContext, 'config'>,
  gatewayUrl: string,
  ledger: Pick<LedgerClient, 'getLogKey'>,
): Promise<{ readonly isNew: boolean; readonly path: string }> {
  const path = trustPath(context, gatewayUrl);
  const [kept, claimed] = [await findTrust(context, gatewayUrl), await fetchTrust(ledger)];
  if (kept === undefined) {
    await mkdir(context.config.configFolder, { recursive: true, mode: 0o700 });
    await writeFile(path, claimed, { flag: 'wx', mode: 0o600 });
    return { isNew: true, path };
  }
  if (kept === claimed) return { isNew: false, path };
  const detail = `The log of ${gatewayUrl} has another key than before. If its operator confirms it, remove ${path}.`;
  throw cliError('TRUST_CHANGED', detail);
}

/** The trust file to verify with. @throws TRUST_MISSING, FILE_UNREADABLE */
export async function requireTrust(
  context: Pick<CliContext, 'config'>,
  file: string | undefined,
  gatewayUrl: string,
): Promise<string> {
  if (file === undefined) {
    const kept = await findTrust(context, gatewayUrl);
    if (kept !== undefined) return kept;
    throw cliError('TRUST_MISSING', `No log is trusted for ${gatewayUrl} yet.`);
  }
  return (await readInput(file)).toString('utf8');
}

/** A file named on the command line. @throws FILE_UNREADABLE */
export async function readInput(path: string): Promise<Buffer<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    const detail = code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read (${code}).`;
    throw cliError('FILE_UNREADABLE', detail, { cause });
  }
}
