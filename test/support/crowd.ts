import { randomBytes } from 'node:crypto';
import { createLucidClient } from '@lucid/client/lucid-client';
import type { Role } from '@lucid/common/apis/api';
import type { User } from './user.ts';

/** The roles a person can have. */
export const peopleRoles = ['user', 'recorder', 'auditor', 'operator', 'admin'] as const;
export type PersonRole = (typeof peopleRoles)[number];

/** Somebody who signed in by password, and the token they got. */
export interface Person extends User {
  readonly name: string;
  readonly token: string;
}

/** People of a platform: made by its administrator, signed in through its gateway. */
export interface Crowd {
  /** A new one. */
  readonly create: (roles: readonly PersonRole[], wallet?: string) => Promise<Person>;
  /** One with exactly these roles; the same one each time. */
  readonly withRoles: (roles: readonly PersonRole[]) => Promise<Person>;
}

export function createCrowd(gatewayUrl: string, admin: User): Crowd {
  const { identity } = createLucidClient({ gatewayUrl });
  const known = new Map<string, Promise<Person>>();
  const create = async (roles: readonly PersonRole[], wallet?: string): Promise<Person> => {
    const name = `person-${randomBytes(6).toString('hex')}`;
    const password = randomBytes(12).toString('hex');
    const body = { name, password, roles: [...roles], ...(wallet === undefined ? {} : { wallet }) };
    await admin.client.identity.createUser({ body });
    const { accessToken, subject } = await identity.createToken({ body: { grantType: 'password', name, password } });
    const client = createLucidClient({ gatewayUrl, token: () => accessToken });
    return { name, subject, token: accessToken, client };
  };
  return {
    create,
    withRoles: (roles) => {
      const key = roles.toSorted().join(' ');
      const person = known.get(key) ?? create(roles);
      known.set(key, person);
      return person;
    },
  };
}

/** Those of the roles a person can have. */
export function ofPeople(roles: readonly Role[]): PersonRole[] {
  return peopleRoles.filter((role) => roles.includes(role));
}
