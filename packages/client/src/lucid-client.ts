import { blockchainApi } from '@lucid/common/apis/blockchain';
import { type GatewayFamily, gatewayPath } from '@lucid/common/apis/gateway';
import { governanceApi } from '@lucid/common/apis/governance';
import { identityApi } from '@lucid/common/apis/identity';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { sessionsApi } from '@lucid/common/apis/sessions';
import { type ClientOptions, createClient } from '@lucid/common/http/client';

export interface LucidClientOptions extends Omit<ClientOptions, 'baseUrl'> {
  /** The gateway, such as `http://127.0.0.1:8082`. */
  readonly gatewayUrl: string;
  /** Addresses of services to call directly instead; paths are the services' own. */
  readonly urls?: Partial<Readonly<Record<GatewayFamily, string>>>;
}

export type LucidClient = ReturnType<typeof createLucidClient>;
export type IdentityClient = LucidClient['identity'];
export type SessionsClient = LucidClient['sessions'];
export type LedgerClient = LucidClient['ledger'];

/**
 * Typed clients of all services behind one gateway. Uses `fetch` alone: runs in Node and in a browser. For a gateway at
 * an onion address pass the one of `createSocksFetch`. @throws ONION_NEEDS_SOCKS for such an address without it
 */
export function createLucidClient({ gatewayUrl, urls = {}, ...options }: LucidClientOptions) {
  const base = (family: GatewayFamily): ClientOptions => {
    const baseUrl = urls[family] ?? `${gatewayUrl.replace(/\/$/u, '')}${gatewayPath(family, '/')}`;
    return { ...options, baseUrl };
  };
  return {
    identity: createClient(identityApi, base('identity')),
    sessions: createClient(sessionsApi, base('sessions')),
    ledger: createClient(ledgerApi, base('ledger')),
    chain: createClient(blockchainApi, base('chain')),
    governance: createClient(governanceApi, base('governance')),
  };
}
