import { keySpace } from '@lucid/common/storage/prefix';

/** The parts of the one store. Values are JSON unless said otherwise. */
export const spaces = {
  /** name → Tunnel */
  tunnels: keySpace('tunnel/'),
  /** address → nothing: ours, and not to be on the network any more */
  buried: keySpace('buried/'),
  /** address → Applied */
  applied: keySpace('applied/'),
  /** number → TunnelEvent */
  events: keySpace('event/'),
  /** tunnel, '/', number → Probe */
  probes: keySpace('probe/'),
  /** `vault` → a sealed word that shows whether the sealing key is the right one, as text */
  facts: keySpace('fact/'),
} as const;

/** What the answers of idempotent requests have for themselves. */
export const idempotencyPrefix = 'idem/';
