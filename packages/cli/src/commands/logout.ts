import { createLucidClient } from '@lucid/client/lucid-client';
import { isAppError } from '@lucid/common/errors';
import type { Run } from '../command.ts';
import { routeTo } from '../connection.ts';
import { CredentialStore } from '../credentials.ts';

/** Revokes the sign-in and forgets it; it is forgotten even if the platform is away. */
export const run: Run<object> = async (context, output, options) => {
  const store = new CredentialStore(context.config.configFolder);
  const credentials = await store.find();
  if (!credentials) {
    output.result({ wasSignedIn: false, isRevoked: false }, 'You were not signed in.');
    return;
  }
  const { gatewayUrl, tokens } = credentials;
  let isRevoked = tokens.refreshToken === undefined;
  await store.locked(async () => {
    const refreshToken = (await store.find())?.tokens.refreshToken;
    await store.remove();
    if (refreshToken === undefined) return;
    try {
      const route = await routeTo(context, options, gatewayUrl);
      await createLucidClient({ gatewayUrl, ...route }).identity.revokeToken({ body: { refreshToken } });
      isRevoked = true;
    } catch (error) {
      if (!isAppError(error)) throw error;
      output.note(`The platform could not be told (${error.code}); the sign-in ends there by itself within 7 days.`);
    }
  });
  output.result({ wasSignedIn: true, isRevoked }, `Signed out at ${gatewayUrl}.`);
};
