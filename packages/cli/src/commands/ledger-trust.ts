import { encodeLogPolicy } from '@lucid/common/formats/policy';
import type { Run } from '../command.ts';
import { connect } from '../connection.ts';

interface TrustOptions {
  readonly log?: string;
}

/** Prints the trust file a platform claims; whether to believe it is the reader's affair. */
export const run: Run<TrustOptions> = async (context, output, options) => {
  const { ledger } = (await connect(context, options)).client;
  const { log } = options;
  const key = await (log === undefined ? ledger.getLogKey() : ledger.getLogKeyInLog({ params: { log } }));
  const policy = encodeLogPolicy(key.verifierKey);
  output.result({ origin: key.origin, verifierKey: key.verifierKey, policy }, policy);
};
