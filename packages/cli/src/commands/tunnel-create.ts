import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '../command.ts';
import { cliError } from '../errors.ts';
import { isErrno } from '../setup/private-file.ts';
import { type DeclarationOptions, defaultPorts, readDeclaration } from '../tunnel/declaration.ts';
import { connectTunnels, followTunnel, formatTunnel, type WaitOptions } from '../tunnel/tunnels.ts';

interface CreateOptions extends DeclarationOptions, WaitOptions {
  readonly key?: string;
}

/** Declares a tunnel, under a new address or under one whose key is brought along. */
export const run: Run<CreateOptions> = async (context, output, options, name = '') => {
  const { ttlSec, ...declaration } = readDeclaration(options);
  const secretKey = options.key === undefined ? undefined : await readSecretKey(options.key);
  const client = await connectTunnels(context, options);
  const created = await client.createTunnel(
    {
      body: {
        name,
        ports: defaultPorts,
        ...declaration,
        ...(typeof ttlSec === 'number' ? { ttlSec } : {}),
        ...(secretKey === undefined ? {} : { secretKey }),
      },
    },
    { idempotencyKey: randomUUID() },
  );
  output.note(created.onionAddress);
  const tunnel = await followTunnel(client, created, options, output);
  output.result(tunnel, formatTunnel(tunnel));
};

const keyFileName = 'hs_ed25519_secret_key';

/** tor's own file of an onion service's key, base64. @throws FILE_UNREADABLE, KEY_FILE_INVALID */
async function readSecretKey(path: string): Promise<string> {
  try {
    const file = (await stat(path)).isDirectory() ? join(path, keyFileName) : path;
    const bytes = await readFile(file);
    if (bytes.length === 96) return bytes.toString('base64');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) throw cliError('FILE_UNREADABLE', `There is no file ${path}.`, { cause });
    throw cliError('FILE_UNREADABLE', `${path} cannot be read.`, { cause });
  }
  throw cliError('KEY_FILE_INVALID', `${path} is no ${keyFileName} of a version 3 onion service.`);
}
