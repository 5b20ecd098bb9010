import type { Run } from '../command.ts';
import { connectSignedIn } from '../connection.ts';
import { formatFields } from '../output.ts';

/** Shows the user the platform takes this machine for. */
export const run: Run<object> = async (context, output, options) => {
  const { client, gatewayUrl } = await connectSignedIn(context, options);
  const me = await client.identity.getMe();
  output.result(
    { gatewayUrl, ...me },
    formatFields([
      ['platform', gatewayUrl],
      ['name', me.name],
      ['user id', me.userId],
      ['roles', me.roles.join(', ')],
      ['wallets', me.wallets.length > 0 ? me.wallets.join(', ') : 'none'],
    ]),
  );
};
