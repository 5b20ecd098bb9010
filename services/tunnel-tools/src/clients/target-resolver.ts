import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { type TunnelTarget, tunnelTargets } from '@lucid/common/apis/tunnels-schemas';
import { AppError } from '@lucid/common/errors';
import type { Clock } from '@lucid/common/runtime/clock';
import type { TargetPlace, TargetPlaces } from '../domain/targets.ts';

/** All addresses of a host name; rejects when there is none. */
export type LookUp = (host: string) => Promise<readonly string[]>;

export interface TargetResolverOptions {
  /** Where each target is, as an http URL. */
  readonly urls: Readonly<Record<TunnelTarget, string>>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly onMove: () => void;
  readonly lookUp?: LookUp;
}

/** What the system's resolver says: /etc/hosts and Compose's names included. */
const systemLookUp: LookUp = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/**
 * Knows where the targets are. tor resolves a name once, when a service is added; a container that comes back under
 * another address would be lost to it. So names are resolved here, every few seconds, and a move is told. A name that
 * does not resolve for a while keeps its last address.
 */
export class TargetResolver implements TargetPlaces, AsyncDisposable {
  readonly #options: TargetResolverOptions;
  readonly #places = new Map<TunnelTarget, TargetPlace>();
  readonly #stop = new AbortController();
  #worker: Promise<void> | undefined;

  /** @throws TARGET_URL_UNFIT for a URL that is not plain http to a host and port, or whose port is a store's or tor's */
  constructor(options: TargetResolverOptions) {
    this.#options = options;
    for (const target of tunnelTargets) parseTargetUrl(target, options.urls[target]);
  }

  start(): void {
    this.#worker ??= this.#run();
  }

  places(): readonly TargetPlace[] {
    return tunnelTargets.map((target) => this.#places.get(target) ?? { target });
  }

  /** Resolves all targets once; whether one moved. */
  async resolve(): Promise<boolean> {
    const moves = await Promise.all(tunnelTargets.map((target) => this.#resolveOne(target)));
    return moves.includes(true);
  }

  async #resolveOne(target: TunnelTarget): Promise<boolean> {
    const { urls, lookUp = systemLookUp } = this.#options;
    const { host, port } = parseTargetUrl(target, urls[target]);
    const before = this.#places.get(target);
    try {
      const addresses = isIP(host) > 0 ? [host] : await lookUp(host);
      const address = pick(addresses, port, before?.address);
      if (address === undefined) throw new Error(`${host} has no address`);
      this.#places.set(target, { target, address });
      return address !== before?.address;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#places.set(target, before?.address === undefined ? { target, reason } : { ...before, reason });
      return false;
    }
  }

  async #run(): Promise<void> {
    const { clock, intervalMs, onMove } = this.#options;
    while (!this.#stop.signal.aborted) {
      if (await this.resolve()) onMove();
      await clock.sleep(intervalMs, this.#stop.signal).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#worker;
  }
}

/** The address known so far where it still holds, so that resolvers may shuffle; else the first, IPv4 before IPv6. */
function pick(addresses: readonly string[], port: number, before: string | undefined): string | undefined {
  const places = addresses
    .toSorted((a, b) => isIP(a) - isIP(b))
    .map((address) => (isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`));
  return places.find((place) => place === before) ?? places[0];
}

function parseTargetUrl(target: TunnelTarget, url: string): { readonly host: string; readonly port: number } {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'http:' || parsed.pathname !== '/' || parsed.search !== '' || parsed.username !== '') {
    throw new AppError('TARGET_URL_UNFIT', `Where ${target} is must be a plain URL such as http://127.0.0.1:8082`);
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const port = parsed.port === '' ? 80 : Number(parsed.port);
  const denied = deniedPorts.get(port);
  if (denied === undefined) return { host, port };
  throw new AppError(
    'TARGET_URL_UNFIT',
    `${target} cannot be at port ${port}: it is ${denied}'s, which is never published`,
  );
}

/** Whose ports no setting leads a target to, even by mistake. */
const deniedPorts: ReadonlyMap<number, string> = new Map([
  [6379, 'Redis'],
  [27_017, 'MongoDB'],
  [9035, 'tor'],
  [9050, 'tor'],
  [9051, 'tor'],
]);
