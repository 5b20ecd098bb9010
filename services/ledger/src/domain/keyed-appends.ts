import { sha256 } from '@lucid/common/formats/sha256';
import { ledgerError } from '../errors.ts';
import type { AppendWaiter } from './append-group.ts';
import type { KeyedAppend, LogStore } from './log-store.ts';

/** Who asks, and the Idempotency-Key. */
export type AppendKey = { readonly subject: string; readonly text: string };

type Begun = { readonly digest: Uint8Array; readonly name: string; readonly append?: KeyedAppend };

const keyPattern = /^[\x21-\x7e]{1,255}$/;

/** What was appended under which Idempotency-Key: for ever in the store, and what is in work here. */
export class KeyedAppends {
  readonly #store: LogStore;
  /** The fingerprint of what is in work, by key. */
  readonly #inFlight = new Map<string, Uint8Array>();

  constructor(store: LogStore) {
    this.#store = store;
  }

  /** Throws IDEMPOTENCY_KEY_INVALID. */
  find(key: AppendKey): KeyedAppend | undefined {
    return this.#store.findKeyed(keyDigest(key));
  }

  /**
   * Begins an append under a key, or answers the one that came before with the same entries. Throws
   * IDEMPOTENCY_KEY_INVALID, IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_FLIGHT. One that begins is in flight until its
   * `waiter` is told.
   *
   * What is in flight is looked at first: the store may show a commit a moment before the log has taken it for
   * durable, and until then nothing can be said of it.
   */
  begin(key: AppendKey, fingerprint: Uint8Array): Begun {
    const digest = keyDigest(key);
    const name = Buffer.from(digest).toString('latin1');
    const running = this.#inFlight.get(name);
    if (running) {
      refuseOther(running, fingerprint);
      throw ledgerError('IDEMPOTENCY_IN_FLIGHT', 'The first append with this Idempotency-Key is still in work', {
        retryAfterSec: 1,
      });
    }
    const append = this.#store.findKeyed(digest);
    if (append) {
      refuseOther(append.fingerprint, fingerprint);
      return { digest, name, append };
    }
    this.#inFlight.set(name, fingerprint);
    return { digest, name };
  }

  /** Tells `waiter`, after the append `name` is no longer in flight. */
  waiter(name: string, waiter: AppendWaiter): AppendWaiter {
    return {
      appended: (firstIndex, leafHashes, offset) => {
        this.#inFlight.delete(name);
        waiter.appended(firstIndex, leafHashes, offset);
      },
      refused: (error) => {
        this.#inFlight.delete(name);
        waiter.refused(error);
      },
    };
  }
}

/** Keys are kept as 16 bytes of a digest of subject and key: one subject's keys mean nothing to another. */
function keyDigest({ subject, text }: AppendKey): Uint8Array {
  if (!keyPattern.test(text)) {
    throw ledgerError('IDEMPOTENCY_KEY_INVALID', 'An Idempotency-Key is 1 to 255 visible ASCII characters');
  }
  return sha256(Buffer.from(`${subject}\0${text}`, 'utf8')).subarray(0, 16);
}

function refuseOther(first: Uint8Array, now: Uint8Array): void {
  if (Buffer.compare(first, now) === 0) return;
  throw ledgerError('IDEMPOTENCY_KEY_REUSED', 'This Idempotency-Key came before with other entries');
}
