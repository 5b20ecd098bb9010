import Type, { type Static, type TSchema } from 'typebox';
import { EthereumAddress, Hash32, HexBytes, strictObject, Timestamp, Uuid } from './schemas.ts';

/** The roles a person may have; `service` is for services alone. */
export const userRoles = ['user', 'recorder', 'auditor', 'operator', 'admin'] as const;
export const UserRole = Type.Enum(userRoles);
export const UserRoles = Type.Array(UserRole, { minItems: 1, maxItems: 5, uniqueItems: true });

export const UserName = Type.String({
  pattern: '^[a-z0-9][a-z0-9._-]{1,63}$',
  description: '2 to 64 of a-z, 0-9, dot, underscore, hyphen',
});
export const DisplayName = Type.String({ minLength: 1, maxLength: 128 });
/** The least length is the rule of `PASSWORD_UNFIT`, so that a short password has one answer everywhere. */
export const Password = Type.String({ minLength: 1, maxLength: 256, description: 'At least 12 characters' });
export const SetupCode = Type.String({ minLength: 1, maxLength: 64 });
export const Scope = Type.String({ pattern: '^[a-z][a-z-]{0,31}:[a-z][a-z-]{0,31}$', description: 'resource:verb' });
export const ApiKeyId = Type.String({ pattern: '^[0-9a-f]{16}$' });

export const ChallengePurpose = Type.Enum(['sign-in', 'register', 'link-wallet'], {
  description: 'What the signed message may be used for; sign-in unless given',
});
export const SignedMessage = strictObject(
  {
    message: Type.String({ minLength: 1, maxLength: 2048, description: 'The EIP-4361 message, as it was issued' }),
    signature: Type.String({ pattern: '^0x[0-9a-fA-F]{130}$', description: 'EIP-191 signature, 65 bytes' }),
  },
  { description: 'A challenge, signed by the wallet it names' },
);

export const NewChallenge = strictObject({ address: EthereumAddress, purpose: Type.Optional(ChallengePurpose) });
export const Challenge = strictObject({
  message: Type.String({ description: 'EIP-4361; sign exactly these bytes with personal_sign (EIP-191)' }),
  nonce: Type.String(),
  expiresAt: Timestamp,
});

const walletGrant = strictObject({
  grantType: Type.Literal('wallet'),
  message: SignedMessage.properties.message,
  signature: SignedMessage.properties.signature,
});
const passwordGrant = strictObject({ grantType: Type.Literal('password'), name: UserName, password: Password });
const refreshGrant = strictObject({
  grantType: Type.Literal('refresh_token'),
  refreshToken: Type.String({ minLength: 1, maxLength: 128 }),
});
const apiKeyGrant = strictObject({
  grantType: Type.Literal('api_key'),
  apiKey: Type.String({ minLength: 1, maxLength: 128 }),
});

type Grant =
  | Static<typeof walletGrant>
  | Static<typeof passwordGrant>
  | Static<typeof refreshGrant>
  | Static<typeof apiKeyGrant>;

/** One of four ways to get tokens, told apart by `grantType`. */
export const TokenRequest = discriminated<Grant>('grantType', [walletGrant, passwordGrant, refreshGrant, apiKeyGrant]);
export type TokenRequestBody = Grant;

function discriminated<T>(propertyName: string, variants: readonly TSchema[]) {
  return Type.Unsafe<T>({
    type: 'object',
    required: [propertyName],
    discriminator: { propertyName },
    oneOf: variants,
  });
}

export const Tokens = strictObject({
  accessToken: Type.String({ description: 'JWT (EdDSA), for `Authorization: Bearer`' }),
  tokenType: Type.Literal('Bearer'),
  expiresAt: Timestamp,
  refreshToken: Type.Optional(Type.String({ description: 'Single use; absent for API keys' })),
  refreshTokenExpiresAt: Type.Optional(Timestamp),
  subject: Type.String({ description: "The user's id" }),
  roles: UserRoles,
  scopes: Type.Array(Type.String()),
});

export const Jwk = strictObject({
  kty: Type.Literal('OKP'),
  crv: Type.Literal('Ed25519'),
  x: Type.String(),
  kid: Type.String({ description: 'RFC 7638 thumbprint' }),
  alg: Type.Literal('EdDSA'),
  use: Type.Literal('sig'),
});
export const Jwks = strictObject({ keys: Type.Array(Jwk) }, { description: 'RFC 7517' });

export const User = strictObject({
  userId: Uuid,
  name: UserName,
  displayName: Type.Union([DisplayName, Type.Null()]),
  roles: UserRoles,
  wallets: Type.Array(EthereumAddress, { description: 'EIP-55 addresses' }),
  hasPassword: Type.Boolean(),
  isDisabled: Type.Boolean(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
});

export const Registration = strictObject({
  setupCode: Type.Optional(SetupCode),
  name: UserName,
  displayName: Type.Optional(DisplayName),
  password: Type.Optional(Password),
  wallet: Type.Optional(SignedMessage),
});
export const NewUser = strictObject({
  name: UserName,
  displayName: Type.Optional(DisplayName),
  roles: UserRoles,
  password: Type.Optional(Password),
  wallet: Type.Optional(EthereumAddress),
});
export const MyChange = strictObject({
  displayName: Type.Optional(Type.Union([DisplayName, Type.Null()])),
  password: Type.Optional(
    strictObject({ current: Type.Optional(Password), next: Password }, { description: '`current` if one is set' }),
  ),
});
export const UserChange = strictObject({
  displayName: Type.Optional(Type.Union([DisplayName, Type.Null()])),
  roles: Type.Optional(UserRoles),
  isDisabled: Type.Optional(Type.Boolean()),
  password: Type.Optional(Password),
});

const apiKeyFields = {
  apiKeyId: ApiKeyId,
  name: Type.String({ minLength: 1, maxLength: 128 }),
  roles: UserRoles,
  scopes: Type.Array(Scope, { maxItems: 32, uniqueItems: true }),
  createdAt: Timestamp,
  expiresAt: Type.Union([Timestamp, Type.Null()]),
};
export const ApiKey = strictObject(apiKeyFields);
export const NewApiKey = strictObject({
  name: apiKeyFields.name,
  roles: UserRoles,
  scopes: Type.Optional(apiKeyFields.scopes),
  expiresAt: Type.Optional(Timestamp),
});
export const CreatedApiKey = strictObject({
  ...apiKeyFields,
  apiKey: Type.String({ description: '`lk_<id>_<secret>`: shown this once' }),
});

const Decision = Type.Enum(['deny', 'ask', 'allow'], {
  description: '`ask` waits for approval and is a no when the time-out passes',
});
const Label = Type.String({ minLength: 1, maxLength: 256 });
const RedactionZone = strictObject({
  x: Type.Integer({ minimum: 0, maximum: 65_535 }),
  y: Type.Integer({ minimum: 0, maximum: 65_535 }),
  width: Type.Integer({ minimum: 1, maximum: 65_535 }),
  height: Type.Integer({ minimum: 1, maximum: 65_535 }),
});

/** What a session allows. Nothing is implied: every member is written out, and what none names is denied. */
export const SessionPolicy = strictObject({
  type: Type.Literal('lucid/policy@1'),
  policyId: Uuid,
  version: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  owner: strictObject({ subject: Uuid, address: EthereumAddress }),
  name: Label,
  defaultDecision: Type.Literal('deny'),
  input: strictObject({ pointer: Decision, keyboard: Decision }),
  clipboard: strictObject({
    toHost: Decision,
    toViewer: Decision,
    bytesMax: Type.Integer({ minimum: 0, maximum: 1_048_576 }),
  }),
  fileTransfer: strictObject({
    toHost: Decision,
    toViewer: Decision,
    paths: Type.Array(Label, { maxItems: 256, uniqueItems: true }),
    overwrite: Decision,
  }),
  applications: strictObject({ allowed: Type.Array(Label, { maxItems: 256, uniqueItems: true }), others: Decision }),
  privacyShield: strictObject({
    hideNotifications: Type.Boolean(),
    blurBackground: Type.Boolean(),
    redactionZones: Type.Array(RedactionZone, { maxItems: 64 }),
  }),
  approvalTimeoutMs: Type.Integer({ minimum: 1000, maximum: 300_000 }),
  issuedAt: Timestamp,
  expiresAt: Type.Union([Timestamp, Type.Null()]),
});
export type SessionPolicyDocument = Static<typeof SessionPolicy>;

export const SignedPolicy = strictObject({ policy: SessionPolicy, signature: HexBytes });
export const StoredPolicy = strictObject({
  policyHash: Hash32,
  policy: SessionPolicy,
  signature: HexBytes,
  createdAt: Timestamp,
});

export type UserView = Static<typeof User>;
export type ApiKeyView = Static<typeof ApiKey>;
export type PolicyView = Static<typeof StoredPolicy>;
export type TokensView = Static<typeof Tokens>;
