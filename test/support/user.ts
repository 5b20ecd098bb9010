import { randomBytes } from 'node:crypto';
import { createLucidClient, type LucidClient } from '@lucid/client/lucid-client';
import { createTokenSource } from '@lucid/client/token-source';
import { AppError } from '@lucid/common/errors';
import { encodeLogPolicy } from '@lucid/common/formats/policy';

/** A signed-in person and what they call the platform with. */
export interface User {
  readonly client: LucidClient;
  readonly subject: string;
}

/** Registers the first administrator of a platform and signs in, through the gateway. */
export async function registerFirstUser(gatewayUrl: string, setupCode: string | undefined): Promise<User> {
  if (setupCode === undefined) throw new AppError('SETUP_CODE_MISSING', 'The platform has an administrator already.');
  const { identity } = createLucidClient({ gatewayUrl });
  const credentials = { name: 'first', password: randomBytes(12).toString('hex') };
  await identity.registerUser({ body: { ...credentials, setupCode } });
  const tokens = await identity.createToken({ body: { grantType: 'password', ...credentials } });
  const token = createTokenSource({ identity, tokens });
  return { client: createLucidClient({ gatewayUrl, token }), subject: tokens.subject };
}

/** The trust file that names the platform's ledger, as an auditor would have kept it. */
export async function readTrustPolicy({ ledger }: LucidClient): Promise<string> {
  const { verifierKey } = await ledger.getLogKey();
  return encodeLogPolicy(verifierKey);
}
