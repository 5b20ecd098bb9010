import type { Run } from '../command.ts';
import { connect } from '../connection.ts';
import { formatFields, formatTable } from '../output.ts';

export const run: Run<object> = async (context, output, options) => {
  const { governance } = (await connect(context, options)).client;
  const [rules, { items }] = await Promise.all([
    governance.getGovernance(),
    governance.listMembers({ query: { limit: 200 } }),
  ]);
  const rows = items.map(({ address, seats, votingPower, delegate }) => [address, seats, votingPower, delegate]);
  output.result(
    { rules, items },
    `${formatTable(['MEMBER', 'SEATS', 'VOTES', 'DELEGATE'], rows)}\n${formatFields([
      ['seats', rules.totalSeats],
      ['quorum', `${rules.quorumPercent} %`],
      ['super quorum', `${rules.superQuorumPercent} %, ends a vote early`],
      ['voting', `${rules.votingDelaySec} s after proposing, for ${rules.votingPeriodSec} s`],
      ['timelock', `${rules.timelockDelaySec} s`],
      ['guardian', rules.guardian],
    ])}`,
  );
};
