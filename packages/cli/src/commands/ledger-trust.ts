import { encodeLogPolicy } from '@lucid/common/formats/policy';
import type { Run } from '../command.ts';
import { connect } from '../connection.ts';

/** Prints the trust file a platform claims; whether to believe it is the reader's affair. */
export const run: Run<object> = async (context, output, options) => {
  const { client } = await connect(context, options);
  const log = await client.ledger.getLogKey();
  const policy = encodeLogPolicy(log.verifierKey);
  output.result({ origin: log.origin, verifierKey: log.verifierKey, policy }, policy);
};
