import { identityApi } from '@lucid/common/apis/identity';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createService } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import type { AccessTokens } from './domain/access-tokens.ts';
import type { Callers } from './domain/callers.ts';
import type { Challenges } from './domain/challenges.ts';
import type { SignInService } from './domain/sign-in.ts';
import type { IdentityStore } from './domain/stores.ts';
import type { UserService } from './domain/users.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { authRoutes } from './routes/auth.ts';
import { policyRoutes } from './routes/policies.ts';
import type { Throttle } from './routes/throttle.ts';
import { meRoutes, userRoutes } from './routes/users.ts';

export interface AppDeps {
  readonly logger: Logger;
  readonly store: IdentityStore & { readonly failure: Error | undefined };
  readonly verifyToken: VerifyToken;
  readonly challenges: Challenges;
  readonly accessTokens: AccessTokens;
  readonly signIn: SignInService;
  readonly callers: Callers;
  readonly users: UserService;
  readonly throttle: Throttle;
  readonly now: () => number;
}

export interface AppOptions {
  /** Hold every answer to its declared schema (tests do). */
  readonly checkResponses?: boolean;
}

export const version = '0.1.0';

/** The service's table of contents. It never listens. */
export async function buildApp(deps: AppDeps, options: AppOptions = {}): Promise<FastifyInstance> {
  const { logger, store, verifyToken } = deps;
  const limits = { bodyBytesMax: 64 * 1024 };
  const app = await createService({ api: identityApi, version, logger, verifyToken, limits, ...options });
  app.readiness.add('store', () => {
    if (store.failure) throw store.failure;
  });
  await authRoutes(app, deps);
  await meRoutes(app, deps);
  await userRoutes(app, deps);
  await apiKeyRoutes(app, deps);
  await policyRoutes(app, deps);
  assertComplete(app, identityApi);
  return app;
}
