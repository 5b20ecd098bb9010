import { type RpcError, rpcCodes } from './json-rpc.ts';

export interface CallGateOptions {
  /** Works that run at once. */
  readonly runningMax: number;
  /** Works that wait, of all callers and of one. */
  readonly waitingMax: number;
  readonly waitingMaxPerCaller: number;
}

/** A work that does not run; `rpcError` is what the caller is told. */
export class GateClosed extends Error {
  readonly rpcError: RpcError;

  constructor(rpcError: RpcError) {
    super(rpcError.message);
    this.rpcError = rpcError;
  }
}

const full = { code: rpcCodes.limitExceeded, message: 'too many calls are waiting: try again, or send fewer at once' };
const late = { code: rpcCodes.unavailable, message: 'The chain did not answer in time.' };

/** Lets a few works run at once; those that wait get their turns caller by caller, so that a flood delays itself. */
export class CallGate {
  readonly #options: CallGateOptions;
  /** By caller, in the order of their next turns. */
  readonly #lines = new Map<string, (() => void)[]>();
  #waiting = 0;
  #running = 0;

  constructor(options: CallGateOptions) {
    this.#options = options;
  }

  /** @throws GateClosed when too many wait, or its turn does not come within `waitMs` */
  async run<T>(caller: string, waitMs: number, work: () => Promise<T>): Promise<T> {
    if (waitMs <= 0) throw new GateClosed(late);
    if (this.#running < this.#options.runningMax) this.#running += 1;
    else await this.#wait(caller, waitMs);
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  async #wait(caller: string, waitMs: number): Promise<void> {
    const { waitingMax, waitingMaxPerCaller } = this.#options;
    const line = this.#lines.get(caller) ?? [];
    if (this.#waiting >= waitingMax || line.length >= waitingMaxPerCaller) throw new GateClosed(full);
    this.#waiting += 1;
    this.#lines.set(caller, line);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const go = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      line.splice(line.indexOf(go), 1);
      if (line.length === 0) this.#lines.delete(caller);
      this.#waiting -= 1;
      reject(new GateClosed(late));
    }, waitMs);
    line.push(go);
    await promise;
  }

  /** Hands the place of a work that ended to the caller whose turn it is, who then goes to the end of the line. */
  #next(): void {
    for (const [caller, line] of this.#lines) {
      this.#lines.delete(caller);
      const go = line.shift();
      if (line.length > 0) this.#lines.set(caller, line);
      if (go === undefined) continue;
      this.#waiting -= 1;
      go();
      return;
    }
    this.#running -= 1;
  }
}
