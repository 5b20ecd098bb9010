import { keySpace } from '@lucid/common/storage/prefix';

/** The parts of the one store. Values are JSON unless said otherwise. */
export const spaces = {
  /** user id → User */
  users: keySpace('user/'),
  /** name → user id, as text */
  names: keySpace('name/'),
  /** lower-case address → user id, as text */
  wallets: keySpace('wallet/'),
  /** sign-in id → SignIn */
  signIns: keySpace('signin/'),
  /** hash of a refresh token → RefreshRecord */
  refreshTokens: keySpace('refresh/'),
  /** nonce → when it may be forgotten */
  nonces: keySpace('nonce/'),
  /** hash of a name, or of a name and an address class → Attempts */
  attempts: keySpace('attempts/'),
  /** key id → ApiKey */
  apiKeys: keySpace('apikey/'),
  /** user id, '/', time, key id → nothing */
  apiKeysOfUser: keySpace('apikey-of/'),
  /** user id → how many keys they have */
  apiKeyCounts: keySpace('apikey-count/'),
  /** hash → Policy */
  policies: keySpace('policy/'),
  /** user id, '/', policy id, '/', version → hash, as text */
  policiesOfUser: keySpace('policy-of/'),
  /** policy id → the owner and last version */
  policyHeads: keySpace('policy-head/'),
  /** `admins` → ids of enabled admins; `setup-code` → hash, as text; `user-count` → number */
  facts: keySpace('fact/'),
} as const;
