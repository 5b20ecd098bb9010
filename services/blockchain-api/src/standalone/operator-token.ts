import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { replacePrivateFile } from '@lucid/cli/setup/private-file';
import { AppError } from '@lucid/common/errors';
import { userAudience } from '@lucid/common/http/tokens';
import type { ServiceContext } from '@lucid/common/runtime/run';
import { SignJWT } from 'jose';

/** `iss` of the standalone's own tokens: no api takes them, as none is behind them. */
const issuer = 'lucid-standalone';
const lifeSec = 15 * 60;
/** A reader of the file has at least ten minutes left. */
const renewEveryMs = 5 * 60_000;
const keyId = 'standalone';

/** How people's tokens are verified where there is no api: by the key that signs the operator's token. */
export interface OwnIdentity {
  readonly tokenIssuer: string;
  /** A `data:` address that holds the JWKS itself: what verifies tokens asks nobody for it. */
  readonly jwksUrl: string;
  readonly signingKey: KeyObject;
}

/** Reads the signing key (PKCS#8 PEM). @throws SIGNING_KEY_INVALID unless it is an Ed25519 private key */
export async function readOwnIdentity(path: string): Promise<OwnIdentity> {
  const signingKey = parseKey(await readFile(path, 'utf8'), path);
  const jwk = { ...createPublicKey(signingKey).export({ format: 'jwk' }), kid: keyId, alg: 'EdDSA', use: 'sig' };
  const jwks = Buffer.from(JSON.stringify({ keys: [jwk] })).toString('base64');
  return { tokenIssuer: issuer, jwksUrl: `data:application/json;base64,${jwks}`, signingKey };
}

function parseKey(pem: string, path: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    throw new AppError('SIGNING_KEY_INVALID', `${path} is not a PKCS#8 PEM private key.`, { cause });
  }
  throw new AppError('SIGNING_KEY_INVALID', `${path} is not an Ed25519 key.`);
}

/**
 * Keeps a token of the role `operator` in a file (0600) that is replaced before the token in it ends, and taken away by
 * the disposal. Whoever may read the file may do what the standalone's operations allow anybody to do.
 */
export async function keepOperatorToken(
  path: string,
  { signingKey }: OwnIdentity,
  { clock, logger }: ServiceContext,
): Promise<AsyncDisposable> {
  const write = async () => await replacePrivateFile(path, `${await issueToken(signingKey)}\n`);
  await write();
  const closing = new AbortController();
  const renew = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(renewEveryMs, closing.signal).catch(() => undefined);
      if (closing.signal.aborted) return;
      await write().catch((error: unknown) =>
        logger.error({ err: error }, "the operator's token could not be renewed"),
      );
    }
  };
  const running = renew();
  return {
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await running;
      await rm(path, { force: true });
    },
  };
}

async function issueToken(signingKey: KeyObject): Promise<string> {
  return await new SignJWT({ role: ['operator'] })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: keyId })
    .setIssuer(issuer)
    .setSubject('operator')
    .setAudience(userAudience)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(`${lifeSec}s`)
    .sign(signingKey);
}
