import { mkdir, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Run } from '../command.ts';
import { cliError } from '../errors.ts';
import { createPrivateFile, isErrno } from '../setup/private-file.ts';
import { connectTunnels } from '../tunnel/tunnels.ts';

interface ExportOptions {
  readonly output: string;
}

/** Writes what tor's HiddenServiceDir holds: whoever has it can be the address. */
export const run: Run<ExportOptions> = async (context, output, options, name = '') => {
  const folder = resolve(options.output);
  const client = await connectTunnels(context, options);
  await createFolder(folder);
  const key = await client
    .exportTunnelKey({ params: { name }, body: { confirm: name } })
    .catch(async (error: unknown) => {
      await rmdir(folder); // so that the same command may be given again
      throw error;
    });
  await createPrivateFile(join(folder, 'hs_ed25519_secret_key'), Buffer.from(key.secretKey, 'base64'));
  await createPrivateFile(join(folder, 'hs_ed25519_public_key'), Buffer.from(key.publicKey, 'base64'));
  await createPrivateFile(join(folder, 'hostname'), `${key.onionAddress}\n`);
  const { onionAddress } = key;
  output.result({ name, onionAddress, folder }, `The key of ${onionAddress} is in ${folder}. Keep it as secret.`);
};

async function createFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (cause) {
    const why = isErrno(cause, 'EEXIST') ? 'is there already; a key is never written over' : 'cannot be made';
    throw cliError('FILE_UNREADABLE', `${folder} ${why}.`, { cause });
  }
}
