import { setTimeout as sleep } from 'node:timers/promises';
import type { NewTunnelBody, TunnelView } from '@lucid/common/apis/tunnels-schemas';
import { TestClock } from '@lucid/common/runtime/clock';
import type { Environment } from '@lucid/common/runtime/config';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { createLogBuffer, type LogBuffer } from '../../../../test/support/log-buffer.ts';
import { TorControl } from '../../src/clients/tor-control/tor-control.ts';
import { TestTools, until } from './test-tools.ts';
import { TestTor } from './tor.ts';

export const open: NewTunnelBody = { name: 'docs', ports: [{ target: 'openapi-gateway' }] };
export const closed: NewTunnelBody = { name: 'home', ports: [{ target: 'gateway' }], clientAuth: true };

export const refusal = (code: string) => expect.objectContaining({ code });

/** One tor for the tests of a file, and for each test a tunnel-tools of its own; what it returns is for within tests. */
export function installTestTunnels(): TestTunnels {
  const tunnels = new TestTunnels();
  beforeAll(async () => await tunnels.startTor());
  afterAll(async () => await tunnels[Symbol.asyncDispose]());
  beforeEach(async () => await tunnels.startTools());
  afterEach(async () => await tunnels.endTools());
  return tunnels;
}

type Client = Awaited<ReturnType<TestTools['client']>>;

class TestTunnels implements AsyncDisposable {
  #tor: TestTor | undefined;
  #tools: TestTools | undefined;
  #client: Client | undefined;
  #look: TorControl | undefined;
  #clock = new TestClock(Date.now());
  #log = createLogBuffer();

  get tor(): TestTor {
    return started(this.#tor);
  }

  get tools(): TestTools {
    return started(this.#tools);
  }

  get client(): Client {
    return started(this.#client);
  }

  /** Another who looks into the same tor. */
  get look(): TorControl {
    return started(this.#look);
  }

  /** Moved by hand: for what ends. */
  get clock(): TestClock {
    return this.#clock;
  }

  get log(): LogBuffer {
    return this.#log;
  }

  async startTor(): Promise<void> {
    this.#tor = await TestTor.start();
  }

  async startTools(): Promise<void> {
    const clock = new TestClock(Date.now());
    const log = createLogBuffer();
    this.#clock = clock;
    this.#log = log;
    // Real time for what happens by itself, a clock that is moved by hand for what ends.
    const own = { now: () => clock.now(), behindMs: () => 0, sleep: realSleep };
    const { controlPath } = this.tor;
    this.#tools = await TestTools.start({ controlPath, clock: own, logger: log.logger });
    this.#client = await this.#tools.client();
    const look = new TorControl({ path: controlPath, timeoutMs: 5000, clock: own });
    this.#look = look;
    look.start();
    await until(() => (look.isConnected ? true : undefined));
  }

  async endTools(): Promise<void> {
    // First the service, which would bring them back.
    await this.tools[Symbol.asyncDispose]();
    for (const onion of await this.look.listOnions()) await this.look.deleteOnion(onion);
    await this.look[Symbol.asyncDispose]();
  }

  /** tunnel-tools, closed before, with other settings; and a client of where it is now. */
  async reopen(env: Environment): Promise<void> {
    await this.tools.open(env);
    this.#client = await this.tools.client();
  }

  async create(body: NewTunnelBody): Promise<TunnelView> {
    const tunnel = await this.client.createTunnel({ body });
    await this.present(tunnel.onionAddress);
    return tunnel;
  }

  /** Resolves once tor has exactly these. */
  async present(...addresses: readonly string[]): Promise<void> {
    await until(async () => {
      const found = await this.look.listOnions();
      return JSON.stringify(found.toSorted()) === JSON.stringify(addresses.toSorted()) ? true : undefined;
    });
  }

  async settled(name: string, state: TunnelView['state']): Promise<TunnelView> {
    return await until(async () => {
      const tunnel = await this.client.getTunnel({ params: { name } });
      return tunnel.state === state ? tunnel : undefined;
    });
  }

  async events(): Promise<string[]> {
    const { items } = await this.client.listTunnelEvents({ query: { limit: 200 } });
    return items.map(({ kind }) => kind).toReversed();
  }

  /** What tor was told in all, by the service's own count. */
  async steps(): Promise<Record<string, number>> {
    const text = (await this.tools.app.inject('/metrics')).body;
    const found = text.matchAll(/^tunnel_tools_reconcile_steps_total\{action="(\w+)",.*\} (\d+)$/gm);
    return Object.fromEntries([...found].map(([, action, count]) => [action, Number(count)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tor?.[Symbol.asyncDispose]();
  }
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('it is there within tests alone');
  return part;
}

async function realSleep(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal ? { signal } : {});
}
