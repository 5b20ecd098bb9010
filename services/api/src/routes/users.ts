import { identityApi } from '@lucid/common/apis/identity';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import type { Callers } from '../domain/callers.ts';
import type { UserService } from '../domain/users.ts';
import type { Throttle } from './throttle.ts';
import { toUserView } from './views.ts';

export interface UserDeps {
  readonly callers: Callers;
  readonly users: UserService;
  readonly throttle: Throttle;
}

const cursor = cursorCodec('users@1', ['string']);

/** Users: registration and administration. */
export async function userRoutes(app: FastifyInstance, { callers, users, throttle }: UserDeps) {
  await implement(app, identityApi, {
    registerUser: async ({ body, request }) => {
      throttle(request);
      return toUserView(await users.register(body));
    },
    createUser: async ({ body, identity }) => {
      await callers.getAdmin(identity);
      return toUserView(await users.create(body));
    },
    listUsers: async ({ query, identity }) => {
      await callers.verifyRole(identity, 'admin', 'auditor');
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
      await callers.verifyMaySee(identity, params.userId, 'admin', 'auditor');
      return toUserView(await users.get(params.userId));
    },
    updateUser: async ({ params, body, identity }) => {
      await callers.getAdmin(identity);
      return toUserView(await users.update(params.userId, body));
    },
    deleteUser: async ({ params, identity }) => {
      await callers.getAdmin(identity);
      await users.delete(params.userId);
      return undefined;
    },
  });
}

/** The caller's own user. */
export async function meRoutes(app: FastifyInstance, { callers, users, throttle }: UserDeps) {
  await implement(app, identityApi, {
    getMe: async ({ identity }) => toUserView(await callers.getCaller(identity)),
    updateMe: async ({ body, identity, request }) => {
      if (!body.password) return toUserView(await users.updateMe(await callers.getCaller(identity), body, ''));
      const from = throttle(request);
      return toUserView(await users.updateMe(await callers.getSignedIn(identity), body, from));
    },
    linkWallet: async ({ body, identity, request }) => {
      throttle(request);
      const { userId } = await callers.getSignedIn(identity);
      return toUserView(await users.linkWallet(userId, body));
    },
    unlinkWallet: async ({ params, identity }) => {
      const { userId } = await callers.getSignedIn(identity);
      await users.unlinkWallet(userId, params.address);
      return undefined;
    },
  });
}
