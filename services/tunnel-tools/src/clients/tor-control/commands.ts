import type { OnionSpec } from '../../domain/onion-spec.ts';

/**
 * ADD_ONION for a service that outlives the connection (Detach) and whose key tor does not say again (DiscardPK).
 * @param expandedKey 64 bytes
 */
export function addOnionCommand(spec: OnionSpec, expandedKey: Uint8Array): string {
  const { clientKeys, powDefense, maxStreams, ports } = spec;
  const flags = [
    'Detach',
    'DiscardPK',
    ...(clientKeys === undefined ? [] : ['V3Auth']),
    ...(maxStreams > 0 ? ['MaxStreamsCloseCircuit'] : []),
  ];
  return [
    `ADD_ONION ED25519-V3:${Buffer.from(expandedKey).toString('base64')}`,
    `Flags=${flags.join(',')}`,
    ...(maxStreams > 0 ? [`MaxStreams=${maxStreams}`] : []),
    ...(powDefense ? ['PoWDefensesEnabled=1'] : []),
    ...ports.map(({ virtualPort, address }) => `Port=${virtualPort},${address}`),
    ...(clientKeys ?? []).map((key) => `ClientAuthV3=${key}`),
  ].join(' ');
}
