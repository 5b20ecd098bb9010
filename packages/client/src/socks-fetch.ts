import { AppError } from '@lucid/common/errors';
import { connectThroughSocks, parseSocksProxy, SocksError, type SocksProxy } from '@lucid/common/http/socks';
import { Agent, buildConnector, fetch as fetchThrough, type RequestInit as ThroughInit } from 'undici';

export interface SocksFetchOptions {
  /** For the proxy to make a connection, ms: a rendezvous on the Tor network takes seconds, and at times many. */
  readonly connectTimeoutMs?: number;
}

/**
 * A `fetch` that reaches every address through a SOCKS5 proxy, names unresolved: for onion services. Node only.
 * @param proxy `127.0.0.1:9050`, `unix:/run/tor/socks`, `NAME@127.0.0.1:9050` for circuits of that name's own
 * @throws SOCKS_ADDRESS_INVALID. A call rejects with UPSTREAM_UNREACHABLE or UPSTREAM_TIMEOUT where trying again may
 * help, and SOCKS_REFUSED (403) where not, such as an onion service that this client has no key for
 */
export function createSocksFetch(proxy: string | SocksProxy, options: SocksFetchOptions = {}): typeof fetch {
  const { connectTimeoutMs = 60_000 } = options;
  const through = typeof proxy === 'string' ? parseSocksProxy(proxy) : proxy;
  const waits = new Waits();
  const dispatcher = new Agent({ connect: createConnector(through, connectTimeoutMs, waits) });
  return async (input, init) => {
    using _wait = waits.begin();
    try {
      // The same standard, typed twice: by undici and by the runtime, whose own fetch takes no other undici's dispatcher.
      return await fetchThrough(input as string | URL, { ...init, dispatcher } as ThroughInit);
    } catch (error) {
      if (error instanceof TypeError && error.cause instanceof SocksError) throw toCallError(error.cause);
      throw error;
    }
  };
}

function createConnector(proxy: SocksProxy, timeoutMs: number, waits: Waits): buildConnector.connector {
  const secure = buildConnector({ allowH2: false, timeout: timeoutMs });
  return (options, callback) => {
    const { hostname: host, protocol, port } = options;
    const isSecure = protocol === 'https:';
    const target = { host: host.replaceAll(/[[\]]/g, ''), port: Number(port || (isSecure ? 443 : 80)) };
    connectThroughSocks(proxy, target, { timeoutMs, signal: waits.signal }).then(
      (socket) => {
        if (isSecure) secure({ ...options, httpSocket: socket }, callback);
        else callback(null, socket.setNoDelay());
      },
      (error: unknown) => callback(error as Error, null),
    );
  };
}

/** Gives up the connections on their way when the last call that could want one is over. */
class Waits {
  #count = 0;
  #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  begin(): Disposable {
    this.#count += 1;
    return {
      [Symbol.dispose]: () => {
        this.#count -= 1;
        if (this.#count > 0) return;
        this.#controller.abort();
        this.#controller = new AbortController();
      },
    };
  }
}

function toCallError(error: SocksError): AppError {
  const { code, message, status, data } = error;
  if (status === 504) return new AppError('UPSTREAM_TIMEOUT', message, { status, data, cause: error });
  const isPassing = status === 503 && code !== 'SOCKS_TARGET_INVALID';
  return isPassing ? new AppError('UPSTREAM_UNREACHABLE', message, { status, data, cause: error }) : error;
}
