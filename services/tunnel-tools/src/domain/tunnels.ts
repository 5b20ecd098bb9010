import {
  defaultGraceSec,
  type NewTunnelBody,
  type TunnelChangeBody,
  tunnelLimits,
} from '@lucid/common/apis/tunnels-schemas';
import type { BatchWriter } from '@lucid/common/storage/kv';
import { tunnelError } from '../errors.ts';
import { createClientKey } from './client-key.ts';
import type { KeyVault } from './key-vault.ts';
import { createOnionKey, type OnionKey, onionKeyOf, parseSecretKeyFile } from './onion-key.ts';
import type { TunnelStore, TunnelStoreContent, TunnelWrite } from './stores.ts';
import type { Asker, NewTunnelEvent, OnionServiceRecord, Tunnel } from './tunnel.ts';
import { ageTunnel, changeTunnel, newTunnel, revise, rotateTunnel } from './tunnel-changes.ts';

export interface TunnelsOptions {
  readonly store: TunnelStore;
  readonly content: TunnelStoreContent;
  readonly vault: KeyVault;
  readonly now: () => number;
}

/** Adds the answer of an idempotent request to the batch of its work. */
export type Companion = (batch: BatchWriter, tunnel: Tunnel) => void;

type Change = Omit<TunnelWrite, 'put' | 'remove' | 'events'> & {
  readonly tunnel: Tunnel;
  readonly events: readonly NewTunnelEvent[];
};

/**
 * What is declared. One change at a time, on the disk before it is answered; whoever listens is told after that, and
 * the network follows by itself.
 */
export class Tunnels {
  readonly #options: TunnelsOptions;
  readonly #tunnels: Map<string, Tunnel>;
  readonly #buried: Set<string>;
  #last: Promise<unknown> = Promise.resolve();
  #onChange: () => void = () => undefined;

  constructor(options: TunnelsOptions) {
    this.#options = options;
    this.#tunnels = new Map(options.content.tunnels.map((tunnel) => [tunnel.name, tunnel]));
    this.#buried = new Set(options.content.buried);
  }

  /** Calls the listener after every change. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** By name. */
  list(): Tunnel[] {
    return [...this.#tunnels.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Tunnel | undefined {
    return this.#tunnels.get(name);
  }

  /** @throws TUNNEL_NOT_FOUND */
  get(name: string): Tunnel {
    const tunnel = this.#tunnels.get(name);
    if (!tunnel) throw tunnelError('TUNNEL_NOT_FOUND', `There is no tunnel ${name}.`);
    return tunnel;
  }

  /** Addresses that were ours and that tor may still have. */
  get buried(): ReadonlySet<string> {
    return this.#buried;
  }

  create(body: NewTunnelBody, asker: Asker, companion?: Companion, origin: Tunnel['origin'] = 'api'): Promise<Tunnel> {
    return this.#serially(async () => {
      const { name } = body;
      if (this.#tunnels.has(name)) throw tunnelError('TUNNEL_NAME_TAKEN', `There is a tunnel ${name} already.`);
      if (this.#tunnels.size >= tunnelLimits.tunnels) {
        throw tunnelError('TUNNEL_LIMIT_REACHED', `There are at most ${tunnelLimits.tunnels} tunnels.`);
      }
      const key =
        body.secretKey === undefined ? createOnionKey() : parseSecretKeyFile(Buffer.from(body.secretKey, 'base64'));
      this.#refuseTaken(key.onionAddress);
      const probe = createClientKey();
      const tunnel = newTunnel(body, {
        owner: asker.subject,
        origin,
        probeKey: {
          publicKey: probe.publicKey,
          sealedKey: this.#options.vault.seal(['probe', name], probe.privateKey),
        },
        service: this.#sealed(name, key),
        now: this.#options.now(),
      });
      const detail = body.secretKey === undefined ? {} : { detail: 'with a key that was brought along' };
      const event = this.#event('tunnel.created', tunnel, asker, { onionAddress: key.onionAddress, ...detail });
      // An address that was taken down here before and comes back by its exported key is ours to keep again.
      return await this.#commit({ tunnel, events: [event], exhume: [key.onionAddress] }, companion);
    });
  }

  update(name: string, change: TunnelChangeBody, version: number | undefined, asker: Asker): Promise<Tunnel> {
    return this.#serially(async () => {
      const tunnel = changeTunnel(this.#ownAt(name, version), change, this.#options.now());
      const detail = Object.keys(change).join(', ');
      return await this.#commit({ tunnel, events: [this.#event('tunnel.changed', tunnel, asker, { detail })] });
    });
  }

  /** Takes a tunnel down with its keys. */
  delete(name: string, version: number | undefined, asker: Asker): Promise<void> {
    return this.#serially(async () => {
      const tunnel = this.#ownAt(name, version);
      const bury = tunnel.services.map(({ onionAddress }) => onionAddress);
      const events = [this.#event('tunnel.deleted', tunnel, asker)];
      await this.#options.store.write({ remove: name, bury, events });
      this.#tunnels.delete(name);
      for (const address of bury) this.#buried.add(address);
      this.#onChange();
    });
  }

  rotate(
    name: string,
    options: { graceSec?: number | undefined; version: number | undefined },
    asker: Asker,
    companion?: Companion,
  ): Promise<Tunnel> {
    return this.#serially(async () => {
      const before = this.#at(name, options.version);
      const graceMs = (options.graceSec ?? defaultGraceSec) * 1000;
      const service = this.#sealed(name, createOnionKey());
      const tunnel = rotateTunnel(before, service, graceMs, this.#options.now());
      const [{ onionAddress }] = before.services;
      const event = this.#event('tunnel.rotated', tunnel, asker, {
        onionAddress,
        detail: `successor ${service.onionAddress}`,
      });
      return await this.#commit({ tunnel, events: [event], bury: graceMs > 0 ? [] : [onionAddress] }, companion);
    });
  }

  /** Has the same address published anew. @throws TUNNEL_STOPPED */
  refresh(name: string, asker: Asker): Promise<Tunnel> {
    return this.#serially(async () => {
      const before = this.getPublished(name);
      const tunnel = revise(before, { epoch: before.epoch + 1 }, this.#options.now());
      return await this.#commit({ tunnel, events: [this.#event('tunnel.refreshed', tunnel, asker)] });
    });
  }

  /** A tunnel that is to be on the network. @throws TUNNEL_NOT_FOUND, TUNNEL_STOPPED */
  getPublished(name: string): Tunnel {
    const tunnel = this.get(name);
    if (tunnel.desired === 'stopped') throw tunnelError('TUNNEL_STOPPED', `${name} is stopped.`);
    return tunnel;
  }

  /** The private key of the current address, for whoever confirmed by naming the tunnel; noted before it is given. */
  exportKey(name: string, confirm: string, asker: Asker): Promise<OnionKey> {
    return this.#serially(async () => {
      const tunnel = this.get(name);
      if (confirm !== name) {
        throw tunnelError('TUNNEL_CONFIRMATION_WRONG', 'To export the key, say the name of the tunnel in `confirm`.');
      }
      const [service] = tunnel.services;
      const { onionAddress } = service;
      await this.#options.store.write({ events: [this.#event('key.exported', tunnel, asker, { onionAddress })] });
      return this.openKey(name, service);
    });
  }

  /** Carries out a change of a tunnel that stands in another file; the change is refused by throwing. */
  revise(name: string, plan: (tunnel: Tunnel, now: number) => Change, companion?: Companion): Promise<Tunnel> {
    return this.#serially(async () => await this.#commit(plan(this.get(name), this.#options.now()), companion));
  }

  /** Ends what is over: tunnels, clients' keys, addresses past their grace time. */
  age(): Promise<void> {
    return this.#serially(async () => {
      for (const before of this.list()) {
        const aged = ageTunnel(before, this.#options.now());
        if (aged) await this.#commit({ tunnel: aged.tunnel, events: aged.events, bury: aged.retired });
      }
    });
  }

  /** Forgets buried addresses that tor is rid of. */
  exhume(addresses: readonly string[]): Promise<void> {
    return this.#serially(async () => {
      await this.#options.store.write({ exhume: addresses });
      for (const address of addresses) this.#buried.delete(address);
    });
  }

  /** @throws TUNNELS_KEY_WRONG */
  openKey(name: string, { onionAddress, sealedKey }: OnionServiceRecord): OnionKey {
    return onionKeyOf(this.#options.vault.open(['onion', name, onionAddress], sealedKey));
  }

  /** The key by which this service itself visits the tunnel; undefined where everybody is let in. */
  openProbeKey({ name, clientAuth, probeKey }: Tunnel): Uint8Array | undefined {
    return clientAuth ? this.#options.vault.open(['probe', name], probeKey.sealedKey) : undefined;
  }

  #at(name: string, version: number | undefined): Tunnel {
    const tunnel = this.get(name);
    if (version === undefined || version === tunnel.version) return tunnel;
    throw tunnelError('TUNNEL_VERSION_CONFLICT', `${name} is at version ${tunnel.version}; read it again.`);
  }

  /** As `#at`, of a tunnel the operator's file does not speak of. @throws TUNNEL_DECLARED_IN_FILE */
  #ownAt(name: string, version: number | undefined): Tunnel {
    const tunnel = this.#at(name, version);
    if (tunnel.origin === 'api') return tunnel;
    throw tunnelError('TUNNEL_DECLARED_IN_FILE', `${name} is declared in the operator's file: change it there.`);
  }

  #refuseTaken(onionAddress: string): void {
    const isTaken = this.list().some(({ services }) => services.some((one) => one.onionAddress === onionAddress));
    if (isTaken) throw tunnelError('TUNNEL_KEY_TAKEN', 'Another tunnel has this key.');
  }

  #sealed(name: string, { onionAddress, expandedKey }: OnionKey): OnionServiceRecord {
    const sealedKey = this.#options.vault.seal(['onion', name, onionAddress], expandedKey);
    return { onionAddress, sealedKey, createdAt: this.#options.now(), retiresAt: null };
  }

  #event(
    kind: NewTunnelEvent['kind'],
    { name }: Tunnel,
    { subject, requestId }: Asker,
    more: Pick<NewTunnelEvent, 'onionAddress' | 'detail'> = {},
  ): NewTunnelEvent {
    return { kind, tunnel: name, by: subject, requestId, ...more };
  }

  async #commit({ tunnel, events, bury = [], exhume = [] }: Change, companion?: Companion): Promise<Tunnel> {
    const also = companion ? (batch: BatchWriter) => companion(batch, tunnel) : undefined;
    await this.#options.store.write({ put: tunnel, bury, exhume, events, also });
    this.#tunnels.set(tunnel.name, tunnel);
    for (const address of bury) this.#buried.add(address);
    for (const address of exhume) this.#buried.delete(address);
    this.#onChange();
    return tunnel;
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
