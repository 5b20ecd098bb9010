import { randomUUID } from 'node:crypto';
import type { TunnelsClient } from '@lucid/client/tunnels-client';
import type { TunnelView } from '@lucid/common/apis/tunnels-schemas';
import type { Run } from '../command.ts';
import type { GlobalOptions } from '../context.ts';
import { cliError } from '../errors.ts';
import { type DeclarationOptions, readDeclaration } from '../tunnel/declaration.ts';
import { connectTunnels, followTunnel, formatTunnel, type WaitOptions } from '../tunnel/tunnels.ts';

type Change<Options> = (
  client: TunnelsClient,
  params: { readonly name: string },
  options: Options & GlobalOptions,
) => Promise<TunnelView>;

/** Changes a tunnel, follows it where that was asked for, and shows it. */
function changing<Options extends object>(change: Change<Options>): { run: Run<Options & Partial<WaitOptions>> } {
  return {
    run: async (context, output, options, name = '') => {
      const client = await connectTunnels(context, options);
      const changed = await change(client, { name }, options);
      const { wait = false, timeout = 0 } = options;
      const tunnel = await followTunnel(client, changed, { wait, timeout }, output);
      output.result(tunnel, formatTunnel(tunnel));
    },
  };
}

export const set = changing<DeclarationOptions>(async (client, params, options) => {
  const body = readDeclaration(options);
  if (Object.keys(body).length === 0) throw cliError('USAGE_INVALID', 'Say what is to change, such as --client-auth.');
  return await client.updateTunnel({ params, body });
});

export const rotate = changing<{ readonly grace?: number }>(async (client, params, { grace }) => {
  const body = grace === undefined ? {} : { graceSec: grace };
  return await client.rotateTunnel({ params, body }, { idempotencyKey: randomUUID() });
});

export const refresh = changing<object>((client, params) => client.refreshTunnel({ params }));
export const stop = changing<object>((client, params) => client.updateTunnel({ params, body: { desired: 'stopped' } }));
export const start = changing<object>((client, params) =>
  client.updateTunnel({ params, body: { desired: 'published' } }),
);

export const remove: { run: Run<{ readonly yes?: boolean }> } = {
  run: async (context, output, options, name = '') => {
    if (options.yes !== true) {
      const detail = `The address of ${name} never comes back. If that is meant, add --yes; to keep it: lucid tunnel stop ${name}.`;
      throw cliError('USAGE_INVALID', detail);
    }
    const client = await connectTunnels(context, options);
    await client.deleteTunnel({ params: { name } });
    output.result({ name, removed: true }, `Removed ${name}.`);
  },
};
