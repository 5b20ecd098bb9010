import Type from 'typebox';
import { type Access, defineApi, type Operations } from './api.ts';
import { identityErrors } from './identity-errors.ts';
import {
  ApiKey,
  ApiKeyId,
  Challenge,
  CreatedApiKey,
  Jwks,
  MyChange,
  NewApiKey,
  NewChallenge,
  NewUser,
  Registration,
  SignedMessage,
  SignedPolicy,
  StoredPolicy,
  TokenRequest,
  Tokens,
  User,
  UserChange,
} from './identity-schemas.ts';
import { EthereumAddress, Hash32, page, pageQuery, strictObject, Uuid } from './schemas.ts';

const people: Access = { roles: ['user', 'recorder', 'auditor', 'operator', 'admin'] };
const admins: Access = { roles: ['admin'] };

/** Errors of a message that a wallet signed. */
const messageErrors = [
  'AUTH_MESSAGE_MALFORMED',
  'AUTH_DOMAIN_WRONG',
  'AUTH_CHAIN_ID_WRONG',
  'AUTH_CHALLENGE_UNKNOWN',
  'AUTH_CHALLENGE_EXPIRED',
  'AUTH_CHALLENGE_REUSED',
  'AUTH_SIGNATURE_INVALID',
] as const;

/** The caller's user or sign-in is not what it was when the token was made. */
const callerErrors = ['AUTH_USER_DISABLED', 'AUTH_SIGN_IN_ENDED'] as const;
/** Credentials are managed by who signed in, not by API keys. */
const signedInErrors = [...callerErrors, 'AUTH_SCOPE_MISSING'] as const;
const writeErrors = ['STORE_FAILED', 'STORE_BUSY'] as const;

const auth = {
  createChallenge: {
    method: 'POST',
    path: '/auth/challenge',
    summary: 'Get a message to sign with a wallet',
    description: 'EIP-4361. Single use, five minutes, bound to this domain, chain, address and purpose.',
    access: 'public',
    body: NewChallenge,
    responses: { 200: { description: 'The message to sign', schema: Challenge } },
    errors: ['RATE_LIMITED'],
  },
  createToken: {
    method: 'POST',
    path: '/auth/token',
    summary: 'Get an access token',
    description:
      'By a signed challenge, a name and password, a refresh token, or an API key. A refresh token is single use: ' +
      'the answer holds its successor, and using one twice revokes the sign-in.',
    access: 'public',
    body: TokenRequest,
    responses: { 200: { description: 'Tokens', schema: Tokens } },
    errors: [
      ...writeErrors,
      ...messageErrors,
      'AUTH_WALLET_UNKNOWN',
      'AUTH_CREDENTIALS_WRONG',
      'AUTH_LOCKED_OUT',
      'AUTH_USER_DISABLED',
      'REFRESH_TOKEN_INVALID',
      'REFRESH_TOKEN_EXPIRED',
      'REFRESH_TOKEN_REUSED',
      'API_KEY_INVALID',
      'API_KEY_EXPIRED',
      'RATE_LIMITED',
    ],
  },
  revokeToken: {
    method: 'POST',
    path: '/auth/revoke',
    summary: 'End a sign-in',
    description: 'Revokes the refresh token and all of its sign-in (RFC 7009). An unknown token is answered alike.',
    access: 'public',
    body: strictObject({ refreshToken: Type.String({ minLength: 1, maxLength: 128 }) }),
    responses: { 204: { description: 'The token is not valid any more' } },
    errors: [...writeErrors, 'RATE_LIMITED'],
  },
  getJwks: {
    method: 'GET',
    path: '/.well-known/jwks.json',
    summary: 'Read the keys that verify access tokens',
    access: 'public',
    responses: { 200: { description: 'The key set', schema: Jwks } },
  },
} as const satisfies Operations;

const me = {
  getMe: {
    method: 'GET',
    path: '/users/me',
    summary: 'Read your own user',
    access: people,
    responses: { 200: { description: 'You', schema: User } },
    errors: [...callerErrors],
  },
  updateMe: {
    method: 'PATCH',
    path: '/users/me',
    summary: 'Change your display name or password',
    description: 'A new password ends all your sign-ins; API keys stay.',
    access: people,
    body: MyChange,
    responses: { 200: { description: 'You, changed', schema: User } },
    errors: [
      ...signedInErrors,
      ...writeErrors,
      'AUTH_CREDENTIALS_WRONG',
      'AUTH_LOCKED_OUT',
      'PASSWORD_UNFIT',
      'RATE_LIMITED',
    ],
  },
  linkWallet: {
    method: 'POST',
    path: '/users/me/wallets',
    summary: 'Link a wallet to yourself',
    description: 'Proven by a challenge of purpose `link-wallet`, signed by the wallet.',
    access: people,
    body: SignedMessage,
    responses: { 200: { description: 'You, with the wallet', schema: User } },
    errors: [
      ...signedInErrors,
      ...writeErrors,
      ...messageErrors,
      'WALLET_TAKEN',
      'WALLET_LIMIT_REACHED',
      'RATE_LIMITED',
    ],
  },
  unlinkWallet: {
    method: 'DELETE',
    path: '/users/me/wallets/{address}',
    summary: 'Unlink one of your wallets',
    description: 'Sign-ins made with it end.',
    access: people,
    params: strictObject({ address: EthereumAddress }),
    responses: { 204: { description: 'Unlinked' } },
    errors: [...signedInErrors, ...writeErrors, 'WALLET_NOT_FOUND', 'USER_LAST_CREDENTIAL'],
  },
} as const satisfies Operations;

const userParams = strictObject({ userId: Uuid });

const users = {
  registerUser: {
    method: 'POST',
    path: '/users/register',
    summary: 'Register yourself',
    description:
      'With the setup code the first user becomes admin. After that it is off unless the operator opened it. ' +
      'A wallet is proven by a challenge of purpose `register`.',
    access: 'public',
    body: Registration,
    responses: { 201: { description: 'Registered; now sign in', schema: User } },
    errors: [
      ...writeErrors,
      ...messageErrors,
      'REGISTRATION_CLOSED',
      'SETUP_CODE_INVALID',
      'USER_CREDENTIAL_MISSING',
      'USER_NAME_TAKEN',
      'WALLET_TAKEN',
      'PASSWORD_UNFIT',
      'RATE_LIMITED',
    ],
  },
  createUser: {
    method: 'POST',
    path: '/users',
    summary: 'Create a user',
    description: 'By an admin who signed in: an API key creates nobody.',
    access: admins,
    body: NewUser,
    responses: { 201: { description: 'Created', schema: User } },
    errors: [
      ...signedInErrors,
      ...writeErrors,
      'USER_CREDENTIAL_MISSING',
      'USER_NAME_TAKEN',
      'WALLET_TAKEN',
      'PASSWORD_UNFIT',
    ],
  },
  listUsers: {
    method: 'GET',
    path: '/users',
    summary: 'List users by name',
    access: { roles: ['admin', 'auditor'] },
    query: strictObject(pageQuery),
    responses: { 200: { description: 'A page of users', schema: page(User) } },
    errors: [...callerErrors, 'CURSOR_INVALID'],
  },
  getUser: {
    method: 'GET',
    path: '/users/{userId}',
    summary: 'Read a user',
    description: 'Yourself; admins, auditors and services read anybody.',
    access: 'authenticated',
    params: userParams,
    responses: { 200: { description: 'The user', schema: User } },
    errors: [...callerErrors, 'USER_NOT_FOUND', 'OBJECT_OF_ANOTHER_USER'],
  },
  updateUser: {
    method: 'PATCH',
    path: '/users/{userId}',
    summary: 'Change a user',
    description: 'By an admin who signed in. A new password, and disabling, end all sign-ins of the user.',
    access: admins,
    params: userParams,
    body: UserChange,
    responses: { 200: { description: 'The user, changed', schema: User } },
    errors: [...signedInErrors, ...writeErrors, 'USER_NOT_FOUND', 'USER_LAST_ADMIN', 'PASSWORD_UNFIT'],
  },
  deleteUser: {
    method: 'DELETE',
    path: '/users/{userId}',
    summary: 'Delete a user',
    description: 'With their API keys and sign-ins. Policies they signed stay: sessions refer to them.',
    access: admins,
    params: userParams,
    responses: { 204: { description: 'Deleted' } },
    errors: [...signedInErrors, ...writeErrors, 'USER_NOT_FOUND', 'USER_LAST_ADMIN'],
  },
} as const satisfies Operations;

const apiKeys = {
  createApiKey: {
    method: 'POST',
    path: '/api-keys',
    summary: 'Create an API key',
    description: 'Its roles are some of yours. The key itself is shown this once; only its hash is kept.',
    access: people,
    body: NewApiKey,
    responses: { 201: { description: 'Created', schema: CreatedApiKey } },
    errors: [...signedInErrors, ...writeErrors, 'API_KEY_GRANT_EXCEEDED', 'API_KEY_LIMIT_REACHED'],
  },
  listApiKeys: {
    method: 'GET',
    path: '/api-keys',
    summary: 'List your API keys',
    access: people,
    query: strictObject(pageQuery),
    responses: { 200: { description: 'A page of keys', schema: page(ApiKey) } },
    errors: [...callerErrors, 'CURSOR_INVALID'],
  },
  deleteApiKey: {
    method: 'DELETE',
    path: '/api-keys/{apiKeyId}',
    summary: 'Delete an API key',
    description: 'It gives no more access tokens; those it gave end within 15 minutes. Admins may delete anybody’s.',
    access: people,
    params: strictObject({ apiKeyId: ApiKeyId }),
    responses: { 204: { description: 'Deleted' } },
    errors: [...signedInErrors, ...writeErrors, 'API_KEY_NOT_FOUND', 'OBJECT_OF_ANOTHER_USER'],
  },
} as const satisfies Operations;

const policies = {
  createPolicy: {
    method: 'POST',
    path: '/policies',
    summary: 'Publish a version of a session policy',
    description:
      '`policyHash` is SHA-256 of the policy’s canonical JSON (RFC 8785), in hex. The signature is EIP-191 ' +
      '(personal_sign) by the owner’s linked wallet over the text `lucid/policy/v1`, a line feed, and that hex. ' +
      'Versions of one policy are 1, 2, 3 …; the same version with the same content again is answered alike.',
    access: people,
    body: SignedPolicy,
    bodyBytesMax: 262_144,
    responses: { 201: { description: 'Published', schema: StoredPolicy } },
    errors: [
      ...callerErrors,
      ...writeErrors,
      'POLICY_INVALID',
      'POLICY_OWNER_WRONG',
      'POLICY_SIGNATURE_INVALID',
      'POLICY_VERSION_CONFLICT',
    ],
  },
  listPolicies: {
    method: 'GET',
    path: '/policies',
    summary: 'List your policies, every version',
    access: people,
    query: strictObject({ ...pageQuery, policyId: Type.Optional(Uuid) }),
    responses: { 200: { description: 'A page of policies', schema: page(StoredPolicy) } },
    errors: [...callerErrors, 'CURSOR_INVALID'],
  },
  getPolicy: {
    method: 'GET',
    path: '/policies/{policyHash}',
    summary: 'Read a policy by its hash',
    description: 'Whoever has the hash, from a manifest or from the chain, may read what it stands for.',
    access: 'authenticated',
    params: strictObject({ policyHash: Hash32 }),
    responses: { 200: { description: 'The policy', schema: StoredPolicy } },
    errors: ['POLICY_NOT_FOUND'],
  },
} as const satisfies Operations;

/** api: users, sign-in, tokens, API keys, policies. */
export const identityApi = defineApi({
  service: 'api',
  title: 'Lucid identity API',
  description: 'Users, sign-in, access tokens, API keys and session policies',
  errors: identityErrors,
  operations: { ...auth, ...me, ...users, ...apiKeys, ...policies },
});
