import { existsSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { TunnelsClient } from '@lucid/client/tunnels-client';
import type { TunnelClientView } from '@lucid/common/apis/tunnels-schemas';
import type { Run } from '../command.ts';
import { cliError } from '../errors.ts';
import { formatFields, formatTable } from '../output.ts';
import { createPrivateFile } from '../setup/private-file.ts';
import { formatQr } from '../tunnel/qr.ts';
import { connectTunnels } from '../tunnel/tunnels.ts';

interface AddOptions {
  readonly ttl?: number;
  readonly publicKey?: string;
  readonly output?: string;
  readonly qr?: boolean;
}

async function listClients(client: TunnelsClient, name: string): Promise<readonly TunnelClientView[]> {
  return (await client.listTunnelClients({ params: { name }, query: { limit: 200 } })).items;
}

export const list: { run: Run<object> } = {
  run: async (context, output, options, name = '') => {
    const items = await listClients(await connectTunnels(context, options), name);
    const rows = items.map((one) => [one.clientId, one.name, one.createdAt, one.expiresAt ?? 'never']);
    output.result({ items }, rows.length > 0 ? formatTable(['CLIENT', 'NAME', 'SINCE', 'EXPIRES'], rows) : 'Nobody.');
  },
};

/** Lets a person in. Their key is in this answer and nowhere else, so it is said or written at once. */
export const add: { run: Run<AddOptions> } = {
  run: async (context, output, options, name = '', person = '') => {
    const { ttl, publicKey, output: file, qr } = options;
    if (file !== undefined) await verifyFree(file);
    const client = await connectTunnels(context, options);
    const created = await client.createTunnelClient({
      params: { name },
      body: {
        name: person,
        ...(ttl === undefined ? {} : { ttlSec: ttl }),
        ...(publicKey === undefined ? {} : { publicKey }),
      },
    });
    const { authPrivate, ...shown } = created;
    const fields = formatFields([
      ['client', created.clientId],
      ['name', created.name],
      ['expires', created.expiresAt ?? undefined],
      ['key', authPrivate !== undefined && file !== undefined ? `in ${file}` : authPrivate],
    ]);
    if (authPrivate !== undefined && file !== undefined) await keepKey(file, authPrivate);
    const code = qr === true && authPrivate !== undefined ? `\n${formatQr(authPrivate)}` : '';
    output.result(file === undefined ? created : { ...shown, file }, `${fields}${code}`);
    if (authPrivate !== undefined) output.note('Shown this once. It belongs into the ClientOnionAuthDir of their tor.');
  },
};

/** A key that cannot be kept is lost, so that is found before it is made. @throws FILE_UNREADABLE */
async function verifyFree(file: string): Promise<void> {
  const folder = dirname(resolve(file));
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw cliError('FILE_UNREADABLE', `The key cannot be written in ${folder}.`, { cause });
  }
  if (existsSync(file)) throw cliError('FILE_UNREADABLE', `${file} is there already; a key is never written over.`);
}

async function keepKey(file: string, line: string): Promise<void> {
  if (await createPrivateFile(file, `${line}\n`)) return;
  const detail = `${file} is there already. The client was let in and their key is lost: remove it, and add it again.`;
  throw cliError('FILE_UNREADABLE', detail);
}

export const rm: { run: Run<object> } = {
  run: async (context, output, options, name = '', person = '') => {
    const client = await connectTunnels(context, options);
    const found = (await listClients(client, name)).find((one) => one.clientId === person || one.name === person);
    if (found === undefined) throw cliError('USAGE_INVALID', `${name} has no client ${person}.`);
    const { clientId } = found;
    await client.revokeTunnelClient({ params: { name, clientId } });
    output.result({ name, clientId, revoked: true }, `${found.name} is let in no more.`);
  },
};
