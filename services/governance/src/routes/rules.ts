import { governanceApi } from '@lucid/common/apis/governance';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import { contractAddresses } from '@lucid/contracts/addresses';
import type { FastifyInstance } from 'fastify';
import { type Governance, getCurrent } from '../domain/governance.ts';
import { toMemberView, toParamChangeView, toParamView } from '../domain/views.ts';
import { governanceError } from '../errors.ts';
import { placeCursor, takePage } from './paging.ts';

const changeCursor = placeCursor('param-changes@1');
const memberCursor = cursorCodec('members@1', ['string']);

/** The rules, the parameters and the members: read only. */
export async function ruleRoutes(app: FastifyInstance, governance: Governance): Promise<void> {
  await implement(app, governanceApi, {
    getGovernance: () => {
      const { settings } = getCurrent(governance);
      const indexedBlock = governance.index.findPosition()?.blockNumber ?? 0;
      const { proposalThreshold, totalSeats, ...rest } = settings;
      return {
        ...rest,
        proposalThreshold: String(proposalThreshold),
        totalSeats: String(totalSeats),
        contracts: { ...contractAddresses },
        indexedBlock,
      };
    },
    listParams: () => ({ items: getCurrent(governance).params.map(toParamView) }),
    getParam: ({ params }) => toParamView(getParam(governance, params.key)),
    listParamChanges: async ({ params, query: { limit = 50, cursor } }) => {
      const { key } = getParam(governance, params.key);
      const after = changeCursor.decode(cursor);
      return await takePage(governance.index.listParamChanges(key, { limit: limit + 1, after }), limit, {
        toView: toParamChangeView,
        toCursor: (change) => changeCursor.encode(change.changedAt),
      });
    },
    listMembers: ({ query: { limit = 50, cursor } }) => {
      const after = cursor === undefined ? '' : memberCursor.decode(cursor)[0];
      const rest = getCurrent(governance).members.filter(({ address }) => address.toLowerCase() > after);
      const items = rest.slice(0, limit);
      const last = items.at(-1);
      const next =
        last !== undefined && rest.length > limit ? { next: memberCursor.encode([last.address.toLowerCase()]) } : {};
      return { items: items.map(toMemberView), ...next };
    },
    getMember: ({ params }) => {
      const address = params.address.toLowerCase();
      const member = getCurrent(governance).members.find((candidate) => candidate.address.toLowerCase() === address);
      if (member === undefined)
        throw governanceError('GOVERNANCE_MEMBER_NOT_FOUND', `${params.address} holds no seat.`);
      return toMemberView(member);
    },
  });
}

function getParam(governance: Governance, key: string) {
  const param = getCurrent(governance).params.find((candidate) => candidate.key === key);
  if (param === undefined) throw governanceError('GOVERNANCE_PARAM_NOT_FOUND', `There is no parameter ${key}.`);
  return param;
}
