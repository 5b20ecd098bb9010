import type { Clock } from '@lucid/common/runtime/clock';
import type { ChainReceipt, ChainWriter } from './chain.ts';

export interface ReceiptOptions {
  readonly chain: Pick<ChainWriter, 'findReceipt'>;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

const pollMinMs = 10;
const pollMaxMs = 500;

/** Waits until a transaction is in a block; undefined when it is not after `timeoutMs`. Asks at least once. */
export async function awaitReceipt(
  { chain, clock, timeoutMs }: ReceiptOptions,
  transactionHash: string,
  signal?: AbortSignal,
): Promise<ChainReceipt | undefined> {
  const deadline = clock.now() + timeoutMs;
  for (let pauseMs = pollMinMs; ; pauseMs = Math.min(pollMaxMs, pauseMs * 2)) {
    const receipt = await chain.findReceipt(transactionHash);
    if (receipt !== undefined || clock.now() >= deadline) return receipt;
    await clock.sleep(pauseMs, signal);
  }
}
