import type { Run } from '../command.ts';
import { connect } from '../connection.ts';
import { formatFields, formatTable } from '../output.ts';

export const run: Run<object> = async (context, output, options, key) => {
  const { governance } = (await connect(context, options)).client;
  if (key === undefined) {
    const { items } = await governance.listParams();
    const rows = items.map((param) => [param.key, param.value, param.unit, `${param.min} to ${param.max}`]);
    output.result({ items }, formatTable(['PARAMETER', 'VALUE', 'UNIT', 'BOUNDS'], rows));
    return;
  }
  const param = await governance.getParam({ params: { key } });
  const { items: changes } = await governance.listParamChanges({ params: { key } });
  const history = changes.map((change) => [
    change.changedAt,
    change.value,
    change.proposalId === undefined ? 'genesis' : `proposal ${change.proposalId}`,
  ]);
  output.result(
    { ...param, changes },
    `${formatFields([
      [param.key, `${param.value} ${param.unit}`],
      ['bounds', `${param.min} to ${param.max}`],
      ['meaning', param.description],
    ])}\n${formatTable(['SINCE', 'VALUE', 'BY'], history)}`,
  );
};
