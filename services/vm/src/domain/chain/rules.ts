/** The rules of the chain: which fork, which chain id, whose primitives. */
import { Common, Hardfork, Mainnet, type ParamsDict } from '@ethereumjs/common';
import { chainCrypto } from '../crypto.ts';

/** The hard fork the chain runs from its first block on. */
export const CHAIN_HARDFORK = Hardfork.Osaka;
/** EIP-7825: no transaction may ask for more gas. */
export const TRANSACTION_GAS_MAX = 16_777_216n;
/** What a raw transaction may weigh, as in the public clients. */
export const TRANSACTION_BYTES_MAX = 131_072;

/**
 * One `Common` for every block and transaction of a thread. The engine copies it and merges its parameter tables again
 * for each transaction, 70 µs of 90; the rules never change while the chain runs, so neither is needed.
 */
class SharedRules extends Common {
  readonly #merged = new WeakSet<ParamsDict>();

  override copy(): Common {
    return this;
  }

  override updateParams(params: ParamsDict): void {
    if (this.#merged.has(params)) return;
    this.#merged.add(params);
    super.updateParams(params);
  }
}

/** The rules of a chain; `hardfork` is another than the chain's own only in conformance tests. */
export function createRules(chainId: number, hardfork: string = CHAIN_HARDFORK): Common {
  const chain = {
    ...Mainnet,
    name: 'lucid',
    chainId,
    hardforks: Mainnet.hardforks.map(({ name }) => ({ name, block: 0 })),
  };
  return new SharedRules({ chain, hardfork, customCrypto: chainCrypto });
}
