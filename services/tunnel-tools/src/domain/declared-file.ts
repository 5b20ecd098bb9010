import type { DeclaredTunnel } from '@lucid/common/apis/tunnels-schemas';
import { isAppError } from '@lucid/common/errors';
import { type Clock, formatTime } from '@lucid/common/runtime/clock';
import { parsePorts } from './targets.ts';
import type { Asker, Tunnel } from './tunnel.ts';
import { newTunnel, revise } from './tunnel-changes.ts';
import type { Tunnels } from './tunnels.ts';

/** What is known of the operator's file. */
export interface FileState {
  readonly readAt?: string;
  /** Why it is not obeyed as it is now. */
  readonly problem?: string;
}

/** The file's tunnels. @throws TUNNELS_FILE_INVALID, with what is wrong and where */
export type ReadDeclared = () => Promise<readonly DeclaredTunnel[]>;

export interface DeclaredFileOptions {
  readonly tunnels: Tunnels;
  readonly read: ReadDeclared;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly onTrouble: (error: unknown) => void;
}

const asker: Asker = { subject: 'file', requestId: 'file' };

/** What a tunnel is to be changed to so that it is as the file says; undefined when it is. */
export function differenceOf(tunnel: Tunnel, declared: DeclaredTunnel): Partial<Tunnel> | undefined {
  const { service, now } = { service: tunnel.services[0], now: tunnel.createdAt };
  const { owner, origin, probeKey } = tunnel;
  const wanted = newTunnel(declared, { owner, origin, probeKey, service, now });
  const { ports, clientAuth, powDefense, maxStreams } = wanted;
  const change = { desired: 'published', ports, clientAuth, powDefense, maxStreams, expiresAt: null } as const;
  const keys = Object.keys(change) as (keyof typeof change)[];
  const isSame = keys.every((key) => JSON.stringify(change[key]) === JSON.stringify(tunnel[key]));
  return isSame ? undefined : change;
}

/**
 * Keeps the tunnels as the operator's file says: those it names are made and changed; one it names no more is stopped,
 * with its key kept, and is from then on changed through the API. A file that is wrong changes nothing.
 */
export class DeclaredFile implements AsyncDisposable {
  readonly #options: DeclaredFileOptions;
  readonly #stop = new AbortController();
  #state: FileState = {};
  #worker: Promise<void> | undefined;

  constructor(options: DeclaredFileOptions) {
    this.#options = options;
  }

  get state(): FileState {
    return this.#state;
  }

  start(): void {
    this.#worker ??= this.#run();
  }

  /** Reads the file and makes the tunnels so. @throws TUNNELS_FILE_INVALID, STORE_FAILED */
  async apply(): Promise<void> {
    const { tunnels, read, clock } = this.#options;
    const declared = await read();
    for (const { ports } of declared) parsePorts(ports);
    const problems: string[] = [];
    for (const one of declared) {
      const problem = await this.#declare(one);
      if (problem !== undefined) problems.push(problem);
    }
    const names = new Set(declared.map(({ name }) => name));
    for (const { name, origin } of tunnels.list()) {
      if (origin === 'file' && !names.has(name)) await this.#change(name, { desired: 'stopped', origin: 'api' });
    }
    const readAt = formatTime(clock.now());
    this.#state = problems.length === 0 ? { readAt } : { readAt, problem: problems.join(' ') };
  }

  async #declare(declared: DeclaredTunnel): Promise<string | undefined> {
    const { tunnels } = this.#options;
    const tunnel = tunnels.find(declared.name);
    if (tunnel?.origin === 'api' && tunnel.owner !== asker.subject) {
      return `${declared.name} was made through the API: delete it there, or name yours otherwise.`;
    }
    if (!tunnel) {
      await tunnels.create(declared, asker, undefined, 'file');
      return undefined;
    }
    const difference = differenceOf(tunnel, declared);
    if (difference || tunnel.origin === 'api') await this.#change(declared.name, { ...difference, origin: 'file' });
    return undefined;
  }

  async #change(name: string, change: Partial<Tunnel>): Promise<void> {
    const { subject: by, requestId } = asker;
    await this.#options.tunnels.revise(name, (before, now) => ({
      tunnel: revise(before, change, now),
      events: [{ kind: 'tunnel.changed', tunnel: name, by, requestId, detail: Object.keys(change).join(', ') }],
    }));
  }

  async #run(): Promise<void> {
    const { clock, intervalMs, onTrouble } = this.#options;
    while (!this.#stop.signal.aborted) {
      await clock.sleep(intervalMs, this.#stop.signal).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      try {
        await this.apply();
      } catch (error) {
        const problem = isAppError(error) ? error.message : String(error);
        this.#state = { ...this.#state, problem };
        onTrouble(error);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#worker;
  }
}
