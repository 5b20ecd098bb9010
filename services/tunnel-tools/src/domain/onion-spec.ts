import { createHash } from 'node:crypto';
import type { TunnelPort } from '@lucid/common/apis/tunnels-schemas';

/** An onion service as tor is told of it; without its key. */
export interface OnionSpec {
  readonly onionAddress: string;
  /** `127.0.0.1:8082` or `[::1]:8082`: tor resolves a name once and never again, so it is given none. */
  readonly ports: readonly (TunnelPort & { readonly address: string })[];
  /** x25519 public keys (base32) of who is let in; undefined: everybody. Never empty. */
  readonly clientKeys: readonly string[] | undefined;
  readonly powDefense: boolean;
  readonly maxStreams: number;
  /** Counts up when the same service is to be published anew. */
  readonly epoch: number;
}

/** Two specs with the same digest are the same to tor. */
export function specDigest(spec: OnionSpec): string {
  const { onionAddress, ports, clientKeys, powDefense, maxStreams, epoch } = spec;
  const parts = [
    onionAddress,
    ports.map(({ virtualPort, address }) => [virtualPort, address]),
    clientKeys === undefined ? null : clientKeys.toSorted(),
    powDefense,
    maxStreams,
    epoch,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
