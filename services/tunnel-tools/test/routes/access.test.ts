import { generateKeyPairSync } from 'node:crypto';
import type { Operation } from '@lucid/common/apis/api';
import { tunnelsApi } from '@lucid/common/apis/tunnels';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, ask, exampleRequest } from '../../../../test/support/ask.ts';
import { badRequestsOf } from '../../../../test/support/bad-requests.ts';
import {
  breachesOf,
  type Documented,
  documentedOf,
  type OpenApiDocument,
} from '../../../../test/support/documented-answers.ts';
import { TestTools } from '../support/test-tools.ts';

// Every operation, asked by everybody who may and may not call it, and with every request that is wrong in one place.

const rows: [string, Operation][] = Object.entries(tunnelsApi.operations);

let tools: TestTools;
let admin: string;
let documented: ReadonlyMap<string, Documented>;

beforeAll(async () => {
  tools = await TestTools.start({ controlPath: '/nowhere/control' });
  admin = await tools.identity.userToken({ roles: ['admin'] });
  documented = documentedOf((await (await fetch(`${tools.url}/openapi.json`)).json()) as OpenApiDocument);
});
afterAll(async () => {
  await tools?.[Symbol.asyncDispose]();
});

function breaches(operation: Operation, answer: Answer): readonly string[] {
  const found = documented.get(`${operation.method} ${operation.path}`);
  return found ? breachesOf(answer, found) : ['it is not documented'];
}

describe('who may call', () => {
  test.each(rows)('%s', async (_name, operation) => {
    const { userToken, serviceToken } = tools.identity;
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const callers = {
      'no token': undefined,
      garbage: 'garbage',
      'a forged token': await userToken({ roles: ['admin'], key: stranger }),
      'another issuer': await userToken({ roles: ['admin'], issuer: 'http://elsewhere.test' }),
      'an expired token': await userToken({ roles: ['admin'], lifeSec: -60 }),
      'a token for elsewhere': await userToken({ roles: ['admin'], audience: 'elsewhere' }),
      'a service': await serviceToken('gateway', 'tunnel-tools'),
      'a person who claims to be a service': await userToken({ roles: ['service'] }),
      'every other role': await userToken({ roles: ['user', 'recorder', 'auditor', 'operator'] }),
      'an admin': admin,
    };
    const verdicts: Record<string, string> = {};
    for (const [name, token] of Object.entries(callers)) {
      const answer = await ask(tools.url, operation, exampleRequest(operation), token);
      expect(breaches(operation, answer)).toEqual([]);
      verdicts[name] = name === 'an admin' && !answer.code?.startsWith('AUTH') ? 'admitted' : `${answer.code}`;
    }
    expect(verdicts).toEqual({
      'no token': 'AUTH_TOKEN_MISSING',
      garbage: 'AUTH_TOKEN_INVALID',
      'a forged token': 'AUTH_TOKEN_INVALID',
      'another issuer': 'AUTH_TOKEN_INVALID',
      'an expired token': 'AUTH_TOKEN_EXPIRED',
      'a token for elsewhere': 'AUTH_AUDIENCE_WRONG',
      'a service': 'AUTH_TOKEN_INVALID',
      'a person who claims to be a service': 'AUTH_TOKEN_INVALID',
      'every other role': 'AUTH_ROLE_MISSING',
      'an admin': 'admitted',
    });
  });
});

describe('requests that are wrong in one place', () => {
  test.each(rows)('%s', async (_name, operation) => {
    const faults: string[] = [];
    for (const { name, parts, codes } of badRequestsOf(operation)) {
      const answer = await ask(tools.url, operation, parts, admin);
      faults.push(...breaches(operation, answer).map((breach) => `${name}: ${breach}`));
      if (codes && !codes.includes(answer.code ?? '')) {
        faults.push(`${name}: ${answer.status} ${answer.code}, not ${codes.join(' or ')}`);
      }
      if (answer.status >= 500 && answer.code !== 'TOR_UNAVAILABLE') faults.push(`${name}: ${answer.code}`);
    }
    expect(faults).toEqual([]);
  });
});
