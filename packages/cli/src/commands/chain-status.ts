import type { Run } from '../command.ts';
import { connect } from '../connection.ts';
import { formatFields } from '../output.ts';

export const run: Run<object> = async (context, output, options) => {
  const { client } = await connect(context, options);
  const chain = await client.chain.getChain();
  const { head } = chain;
  output.result(
    chain,
    formatFields([
      ['chain id', chain.chainId],
      ['head', `block ${head.number}, ${head.timestamp}`],
      ['hash', head.hash],
      ['genesis', chain.genesisHash],
      ...Object.entries(chain.contracts),
    ]),
  );
};
