import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { connectThroughSocks, SocksError } from '@lucid/common/http/socks';
import { listenersOf } from '../../stack/namespace.ts';
import { startTorNetwork } from '../../support/tor-network.ts';
import type { Engine } from '../engine.ts';
import { docker, ProgramContainer, type Variant } from './container.ts';
import { Scratch } from './scratch.ts';

/** A private Tor network that containers reach at their bridge. */
export class TorBench {
  readonly #engine: Engine;
  readonly #resources: AsyncDisposableStack;
  readonly #network: string;
  readonly #torrc: string;

  private constructor(engine: Engine, resources: AsyncDisposableStack, network: string, torrc: string) {
    this.#engine = engine;
    this.#resources = resources;
    this.#network = network;
    this.#torrc = torrc;
  }

  static async open(engine: Engine): Promise<TorBench> {
    await using resources = new AsyncDisposableStack();
    const network = `lucid-${randomBytes(4).toString('hex')}`;
    await docker(engine, ['network', 'create', network]);
    resources.defer(async () => void (await docker(engine, ['network', 'rm', network])));
    const format = '--format={{(index .IPAM.Config 0).Gateway}}';
    const address = (await docker(engine, ['network', 'inspect', format, network])).trim();
    const { namespace } = engine;
    const tor = resources.use(await startTorNetwork({ address, ...(namespace === undefined ? {} : { namespace }) }));
    return new TorBench(engine, resources.move(), network, tor.torrc);
  }

  /** Joins a tor-proxy to the network, and tries what it must and must not do. Returns what was found. */
  async check(image: string, variant: Variant): Promise<string> {
    await using scratch = await Scratch.create();
    const sockets = await scratch.folder('run');
    const settings = await scratch.folder('conf.d');
    await scratch.file(settings, 'network.conf', this.#torrc);
    const volumes = [`${sockets}:/run/tor`, `${settings}:/etc/tor/conf.d:ro`];
    const mounts = [
      ...volumes.map((volume) => `--volume=${volume}`),
      '--tmpfs=/var/lib/tor:uid=1000,gid=1000,mode=700',
    ];
    const startedAt = performance.now();
    await using container = await ProgramContainer.start(this.#engine, {
      image,
      variant,
      network: this.#network,
      mounts,
    });
    await container.healthy(120_000);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);

    const listeners = await listenersOf(await container.pid());
    const open = listeners.filter((listener) => !listener.startsWith('127.0.0.'));
    assert.deepEqual(open, ['0.0.0.0:9050'], 'only SOCKS may be reached from other containers');
    await assert.rejects(
      connectThroughSocks({ path: join(sockets, 'socks') }, { host: 'example.com', port: 80 }, { timeoutMs: 10_000 }),
      (error) => error instanceof SocksError && error.code === 'SOCKS_REFUSED',
    );
    await container.stop();
    return `bootstrapped after ${seconds} s; the web is refused`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
