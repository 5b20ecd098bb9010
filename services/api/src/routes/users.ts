import { identityApi } from '@lucid/common/apis/identity';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import type { UserService } from '../domain/users.ts';
import { requireOwner, requireSignedIn } from './access.ts';
import type { Throttle } from './throttle.ts';
import { toUserView } from './views.ts';

export interface UserDeps {
  readonly users: UserService;
  readonly throttle: Throttle;
}

const cursor = cursorCodec('users@1', ['string']);

/** Users: registration and administration. */
export async function userRoutes(app: FastifyInstance, { users, throttle }: UserDeps) {
  await implement(app, identityApi, {
    registerUser: async ({ body, request }) => {
      throttle(request);
      return toUserView(await users.register(body));
    },
    createUser: async ({ body }) => toUserView(await users.create(body)),
    listUsers: async ({ query }) => {
      const limit = query.limit ?? 50;
      const after = query.cursor === undefined ? undefined : cursor.decode(query.cursor)[0];
      const found = await users.list({ limit: limit + 1, after });
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return {
        items: items.map(toUserView),
        ...(found.length > limit && last ? { next: cursor.encode([last.name]) } : {}),
      };
    },
    getUser: async ({ params, identity }) => {
      requireOwner(identity, params.userId, 'admin', 'auditor', 'service');
      return toUserView(await users.get(params.userId));
    },
    updateUser: async ({ params, body }) => toUserView(await users.update(params.userId, body)),
    deleteUser: async ({ params }) => {
      await users.delete(params.userId);
      return undefined;
    },
  });
}

/** The caller's own user. */
export async function meRoutes(app: FastifyInstance, { users, throttle }: UserDeps) {
  await implement(app, identityApi, {
    getMe: async ({ identity }) => toUserView(await users.getActive(identity.subject)),
    updateMe: async ({ body, identity, request }) => {
      if (body.password) {
        throttle(request);
        requireSignedIn(identity);
      }
      return toUserView(await users.updateMe(identity.subject, body));
    },
    linkWallet: async ({ body, identity, request }) => {
      throttle(request);
      requireSignedIn(identity);
      return toUserView(await users.linkWallet(identity.subject, body));
    },
    unlinkWallet: async ({ params, identity }) => {
      requireSignedIn(identity);
      await users.unlinkWallet(identity.subject, params.address);
      return undefined;
    },
  });
}
