import { isAppError } from '@lucid/common/errors';
import { CircuitBreaker } from '@lucid/common/http/circuit-breaker';
import { etagOf } from '@lucid/common/http/conditional';
import type { Content, Documents, RemoteContent } from '../domain/content.ts';
import { docsError } from '../errors.ts';

export interface OpenapiServerOptions {
  readonly baseUrl: string;
  /** How long an answer is used before the server is asked again, ms. */
  readonly lifeMs: number;
  readonly timeoutMs: number;
  readonly now?: () => number;
}

interface Held {
  readonly content: Content;
  readonly askedAt: number;
}

/** Only answers are kept, and only services that exist have answers. */
const heldMax = 32;

/** openapi-server over HTTP, with the last answer to each path kept. Callers that ask at once share one request. */
export class OpenapiServer implements Documents {
  readonly #options: OpenapiServerOptions;
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();
  readonly #asking = new Map<string, Promise<RemoteContent>>();
  readonly #breaker = new CircuitBreaker('openapi-server', { failuresMax: 3, openMs: 1000 });

  constructor(options: OpenapiServerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  async read(path: string): Promise<RemoteContent> {
    const held = this.#held.get(path);
    if (held && this.#now() - held.askedAt < this.#options.lifeMs) return { ...held.content, isLastKnown: false };
    let asking = this.#asking.get(path);
    if (!asking) {
      asking = this.#ask(path, held).finally(() => this.#asking.delete(path));
      this.#asking.set(path, asking);
    }
    return await asking;
  }

  async #ask(path: string, held: Held | undefined): Promise<RemoteContent> {
    try {
      const fetchIt = async () => await this.#fetch(path, held?.content);
      const content = await this.#breaker.run(fetchIt, (error) => !isAppError(error));
      if (this.#held.size >= heldMax && !held) this.#held.delete(this.#held.keys().next().value ?? '');
      this.#held.set(path, { content, askedAt: this.#now() });
      return { ...content, isLastKnown: false };
    } catch (error) {
      if (isAppError(error, 'OPENAPI_SERVICE_UNKNOWN')) throw error;
      if (held) return { ...held.content, isLastKnown: true };
      throw docsError('OPENAPI_DOCUMENT_MISSING', 'openapi-server does not answer, and nothing was read before.', {
        cause: error,
        retryAfterSec: 2,
        data: { dependency: 'openapi-server' },
      });
    }
  }

  async #fetch(path: string, held: Content | undefined): Promise<Content> {
    const response = await fetch(`${this.#options.baseUrl.replace(/\/$/, '')}${path}`, {
      signal: AbortSignal.timeout(this.#options.timeoutMs),
      redirect: 'error',
      headers: held ? { 'if-none-match': held.etag } : {},
    });
    if (response.status === 304 && held) return held;
    if (response.status === 404) throw docsError('OPENAPI_SERVICE_UNKNOWN', 'There is no service of this name.');
    if (!response.ok) throw new Error(`openapi-server answered ${response.status}`);
    const bytes = await response.bytes();
    const type = response.headers.get('content-type') ?? 'application/octet-stream';
    return { bytes, type, etag: response.headers.get('etag') ?? etagOf(bytes) };
  }
}
