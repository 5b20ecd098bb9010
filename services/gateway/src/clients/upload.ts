import { isAppError } from '@lucid/common/errors';
import { ClientGone } from '../domain/client-gone.ts';
import type { RequestBody } from '../domain/upstream.ts';
import { gatewayError } from '../errors.ts';

/** A request body on its way: chunks are pulled from the client only as the upstream takes them. */
export class Upload {
  readonly #body: RequestBody;
  #bytes = 0;
  #isComplete = false;
  #waitsForClient = true;

  /** @throws REQUEST_TOO_LARGE when the body announces more than its limit */
  constructor(body: RequestBody) {
    this.#body = body;
    if ((body.length ?? 0) > body.bytesMax) throw tooLarge(body.bytesMax);
  }

  get length(): number | undefined {
    return this.#body.length;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Whether it is the client that has not sent, rather than the upstream that does not take. */
  get waitsForClient(): boolean {
    return this.#waitsForClient;
  }

  /**
   * The body's chunks. The source is not destroyed when the reader stops early, so that an answer can still be sent.
   * @throws REQUEST_TOO_LARGE past the limit; ClientGone when the client breaks off
   */
  async *chunks(onProgress: () => void): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#body.source.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
        this.#bytes += chunk.length;
        if (this.#bytes > this.#body.bytesMax) throw tooLarge(this.#body.bytesMax);
        onProgress();
        this.#waitsForClient = false;
        yield chunk;
        this.#waitsForClient = true;
        onProgress();
      }
    } catch (error) {
      if (isAppError(error)) throw error;
      throw new ClientGone(error);
    }
    this.#isComplete = true;
    onProgress();
  }
}

function tooLarge(bytesMax: number) {
  return gatewayError('REQUEST_TOO_LARGE', `The body is over the operation's limit of ${bytesMax} bytes.`);
}
