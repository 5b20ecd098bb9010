import { tunnelsApi } from '@lucid/common/apis/tunnels';
import { type ClientOptions, createClient } from '@lucid/common/http/client';

export interface TunnelsClientOptions extends Omit<ClientOptions, 'baseUrl'> {
  /** tunnel-tools itself, such as `http://127.0.0.1:7000`: the gateway does not forward to it. */
  readonly url: string;
}

export type TunnelsClient = ReturnType<typeof createTunnelsClient>;

/** The typed client of the platform's onion services; its operations are for admins. @throws ONION_NEEDS_SOCKS */
export function createTunnelsClient({ url, ...options }: TunnelsClientOptions) {
  return createClient(tunnelsApi, { ...options, baseUrl: url.replace(/\/$/u, '') });
}
