import { blockchainApi } from '@lucid/common/apis/blockchain';
import { governanceApi } from '@lucid/common/apis/governance';
import { identityApi } from '@lucid/common/apis/identity';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { sessionsApi } from '@lucid/common/apis/sessions';
import type { FamilyApi } from './domain/route-table.ts';

/** What stands behind the gateway: every family with the API its service declares. */
export const familyApis: readonly FamilyApi[] = [
  { family: 'identity', api: identityApi },
  { family: 'sessions', api: sessionsApi },
  { family: 'ledger', api: ledgerApi },
  { family: 'chain', api: blockchainApi },
  { family: 'governance', api: governanceApi },
];
