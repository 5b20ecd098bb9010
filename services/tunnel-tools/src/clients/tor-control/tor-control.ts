import type { TorStatusView } from '@lucid/common/apis/tunnels-schemas';
import { type Clock, formatTime } from '@lucid/common/runtime/clock';
import type { OnionSpec } from '../../domain/onion-spec.ts';
import type { Tor, TorObserver } from '../../domain/tor.ts';
import { tunnelError } from '../../errors.ts';
import { authenticate } from './authenticate.ts';
import { addOnionCommand } from './commands.ts';
import { ControlConnection, TorRefusal } from './connection.ts';
import type { Reply } from './reply-parser.ts';
import { parseStatus, statusKeys, visitorCircuits } from './tor-status.ts';
import { parseInfo, parsePairs } from './values.ts';

export interface TorControlOptions {
  /** tor's control socket. */
  readonly path: string;
  /** Where its cookie is, when it is not where tor says. */
  readonly cookiePath?: string | undefined;
  /** Time for each reply, ms. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Between tries to connect, ms: doubled each time, up to the last, and spread by half. */
const retryMs = { first: 100, last: 10_000 };
const events = 'SETEVENTS HS_DESC STATUS_CLIENT STATUS_GENERAL';
/** tor has no onion service of this address, or no circuit of this number (any more). */
const unknownOnion = 552;
const unknownCircuit = 552;

/** tor's control socket, connected again whenever it breaks off. */
export class TorControl implements Tor, AsyncDisposable {
  readonly #options: TorControlOptions;
  readonly #stop = new AbortController();
  readonly #observers: TorObserver[] = [];
  #connection: ControlConnection | undefined;
  #worker: Promise<void> | undefined;
  #since: number;
  #reason = 'not connected yet';
  #clockSkewSec: number | undefined;
  #isOpened = false;

  constructor(options: TorControlOptions) {
    this.#options = options;
    this.#since = options.clock.now();
  }

  /** Observers are told from their call on; call it before `start`. */
  observe(observer: TorObserver): void {
    this.#observers.push(observer);
  }

  /** Connects, now and whenever the connection breaks off, until it is disposed. */
  start(): void {
    this.#worker ??= this.#keepConnected();
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** One command, one reply; for what has no method of its own. @throws TorRefusal, TOR_UNAVAILABLE */
  async send(command: string): Promise<Reply> {
    if (!this.#connection) throw tunnelError('TOR_UNAVAILABLE', `tor: ${this.#reason}.`, { retryAfterSec: 2 });
    return await this.#connection.send(command);
  }

  async listOnions(): Promise<string[]> {
    const onions = parseInfo(await this.send('GETINFO onions/detached')).get('onions/detached') ?? '';
    return onions
      .split('\n')
      .filter((id) => /^[a-z2-7]{56}$/.test(id))
      .map((id) => `${id}.onion`);
  }

  async addOnion(spec: OnionSpec, expandedKey: Uint8Array): Promise<void> {
    await this.send(addOnionCommand(spec, expandedKey));
  }

  async deleteOnion(onionAddress: string): Promise<void> {
    await this.#unless(unknownOnion, `DEL_ONION ${serviceIdOf(onionAddress)}`);
  }

  async cutVisitors(onionAddresses: ReadonlySet<string>): Promise<void> {
    if (onionAddresses.size === 0) return;
    const circuits = parseInfo(await this.send('GETINFO circuit-status')).get('circuit-status') ?? '';
    for (const circuitId of visitorCircuits(circuits, onionAddresses)) {
      await this.#unless(unknownCircuit, `CLOSECIRCUIT ${circuitId}`);
    }
  }

  async readStatus(): Promise<TorStatusView> {
    const skew = this.#clockSkewSec === undefined ? {} : { clockSkewSec: this.#clockSkewSec };
    try {
      const status = parseStatus(parseInfo(await this.send(`GETINFO ${statusKeys}`)));
      return { isConnected: true, since: formatTime(this.#since), ...status, ...skew };
    } catch {
      return { isConnected: false, since: formatTime(this.#since), reason: this.#reason };
    }
  }

  /** Sends a command whose refusal with this status means that it is done already. */
  async #unless(status: number, command: string): Promise<void> {
    try {
      await this.send(command);
    } catch (error) {
      if (!(error instanceof TorRefusal && error.status === status)) throw error;
    }
  }

  async #keepConnected(): Promise<void> {
    const { clock } = this.#options;
    let waitMs = retryMs.first;
    while (!this.#stop.signal.aborted) {
      const closed = Promise.withResolvers<Error>();
      try {
        await this.#connect(closed.resolve);
        const reason = await closed.promise;
        // One that breaks off at once is no success: each is told as an event, and tor would be asked without end.
        if (this.#options.clock.now() - this.#since > retryMs.last) waitMs = retryMs.first;
        this.#lose(reason.message);
      } catch (error) {
        this.#reason = error instanceof Error ? error.message : String(error);
      }
      const jitter = waitMs * (0.5 + Math.random() / 2);
      await clock.sleep(jitter, this.#stop.signal).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, retryMs.last);
    }
  }

  async #connect(onClose: (reason: Error) => void): Promise<void> {
    const { path, timeoutMs, cookiePath } = this.#options;
    const onEvent = (event: Reply) => this.#tell(event);
    const connection = await ControlConnection.open({ path, timeoutMs, onEvent, onClose });
    try {
      await authenticate((command) => connection.send(command), cookiePath);
      await connection.send(events);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
    if (this.#stop.signal.aborted) return await connection[Symbol.asyncDispose]();
    this.#connection = connection;
    this.#since = this.#options.clock.now();
    this.#isOpened = true;
    for (const observer of this.#observers) observer.connected();
  }

  #lose(reason: string): void {
    this.#connection = undefined;
    this.#reason = reason;
    this.#since = this.#options.clock.now();
    if (this.#stop.signal.aborted || !this.#isOpened) return;
    for (const observer of this.#observers) observer.disconnected(reason);
  }

  #tell({ lines }: Reply): void {
    const text = lines[0]?.text ?? '';
    const [kind, action, address = ''] = text.split(' ', 3);
    if (kind === 'HS_DESC') {
      const outcome = uploads[action ?? ''];
      if (outcome === undefined || !/^[a-z2-7]{56}$/.test(address)) return;
      // FAILED also ends a fetch, of which there is no word before it.
      if (outcome === 'failed' && !text.includes('REASON=UPLOAD_REJECTED')) return;
      for (const observer of this.#observers) observer.upload(`${address}.onion`, outcome);
    } else if (text.includes(' CLOCK_SKEW ')) {
      const skew = Number(parsePairs(text).get('SKEW'));
      if (Number.isFinite(skew)) this.#clockSkewSec = skew;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#connection?.[Symbol.asyncDispose]();
    await this.#worker;
  }
}

const uploads: Readonly<Record<string, 'requested' | 'uploaded' | 'failed'>> = {
  UPLOAD: 'requested',
  UPLOADED: 'uploaded',
  FAILED: 'failed',
};

function serviceIdOf(onionAddress: string): string {
  return onionAddress.replace(/\.onion$/, '');
}
