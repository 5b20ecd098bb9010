import type { TorStatusView } from '@lucid/common/apis/tunnels-schemas';
import type { OnionSpec } from './onion-spec.ts';

/** What tor tells by itself. */
export interface TorObserver {
  /** The control connection stands (again); a restarted tor has forgotten every onion service. */
  connected(): void;
  disconnected(reason: string): void;
  /** One upload of an onion service's descriptor to one directory began or ended. */
  upload(onionAddress: string, outcome: 'requested' | 'uploaded' | 'failed'): void;
}

/** tor, as this service uses it. Every method throws TOR_UNAVAILABLE while the control connection is down. */
export interface Tor {
  readonly isConnected: boolean;
  /** The addresses of the onion services that outlive control connections, ours and others'. */
  listOnions(): Promise<string[]>;
  /**
   * Adds an onion service that outlives the connection.
   * @param expandedKey 64 bytes: what `hs_ed25519_secret_key` holds
   * @throws Error with what tor said, when it refuses this service
   */
  addOnion(spec: OnionSpec, expandedKey: Uint8Array): Promise<void>;
  /** Takes an onion service away; one that is not there is as good. Nobody new gets in; whoever is in stays. */
  deleteOnion(onionAddress: string): Promise<void>;
  /**
   * Ends the circuits of whoever is visiting. tor leaves them when a service is deleted, and a service that is added
   * again under its key takes new streams from them: a visitor whose key was revoked would stay as long as they like.
   */
  cutVisitors(onionAddresses: ReadonlySet<string>): Promise<void>;
  /** Never throws: that tor cannot be reached is a state. */
  readStatus(): Promise<TorStatusView>;
}
