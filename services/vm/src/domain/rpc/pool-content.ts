/** `txpool_content` and its kin: which transactions wait, by sender and nonce. */
import { toHex } from '../bytes.ts';
import { feeCapOf } from '../chain/transaction.ts';
import type { Mempool } from '../pool/mempool.ts';
import { formatTransaction } from './format.ts';
import type { RpcMethods } from './methods.ts';
import { parseAddress } from './params.ts';

type Waiting = ReturnType<Mempool['entriesOf']>[number];
type ByNonce = Record<string, unknown>;
type Content = { pending: Record<string, ByNonce>; queued: Record<string, ByNonce> };

/** Transactions one answer shows; those after them are left out, and `txpool_status` counts them all. */
const CONTENT_MAX = 1000;

/** Methods that show the pool: `pending` is what could run next, `queued` what waits behind a gap in the nonces. */
export function poolContentMethods(pool: Mempool): RpcMethods {
  return {
    txpool_content: () =>
      contentOf(pool, ({ transaction }) => formatTransaction(transaction.tx, transaction.sender, null)),
    txpool_inspect: () => contentOf(pool, summaryOf),
    txpool_contentFrom: ([address]) => {
      const shown = { pending: {} as ByNonce, queued: {} as ByNonce };
      for (const { transaction, isReady } of pool.entriesOf(parseAddress(address, 'address')).slice(0, CONTENT_MAX)) {
        const { tx, sender } = transaction;
        shown[isReady ? 'pending' : 'queued'][tx.nonce.toString()] = formatTransaction(tx, sender, null);
      }
      return shown;
    },
  };
}

function contentOf(pool: Mempool, show: (waiting: Waiting) => unknown): Content {
  const content: Content = { pending: {}, queued: {} };
  for (const waiting of pool.entries().take(CONTENT_MAX)) {
    const { tx, sender: address } = waiting.transaction;
    const bySender = content[waiting.isReady ? 'pending' : 'queued'];
    const sender = toHex(address);
    const byNonce = bySender[sender] ?? {};
    bySender[sender] = byNonce;
    byNonce[tx.nonce.toString()] = show(waiting);
  }
  return content;
}

/** One line, as the public clients write it. */
function summaryOf({ transaction: { tx } }: Waiting): string {
  const to = tx.to === undefined ? 'contract creation' : tx.to.toString();
  return `${to}: ${tx.value} wei + ${tx.gasLimit} gas × ${feeCapOf(tx)} wei`;
}
