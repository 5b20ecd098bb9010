/** Calls and estimates, one at a time in a thread of their own that is ended when one runs over its deadline. */
import { RpcError } from './domain/rpc/rpc-error.ts';
import { WorkerHost, type WorkerHostOptions } from './worker-host.ts';

export type CallQueueOptions = {
  readonly worker: WorkerHostOptions;
  /** How long one call may run, ms. */
  readonly deadlineMs: number;
  /** Calls that may wait. */
  readonly queueMax: number;
};

/** Public clients' words for it. */
export const DEADLINE_MESSAGE = 'execution aborted (timeout';

type Waiting = {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly resolve: (result: string) => void;
  readonly reject: (error: unknown) => void;
};

/** The thread is started by the first call, so that a chain nobody questions costs no second thread. */
export class CallQueue implements AsyncDisposable {
  readonly #options: CallQueueOptions;
  readonly #waiting: Waiting[] = [];
  #host: WorkerHost | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: CallQueueOptions) {
    this.#options = options;
  }

  /** Runs a method; answers JSON text. @throws RpcError -32005 where too many wait, -32000 past the deadline. */
  request(method: string, params: readonly unknown[]): Promise<string> {
    if (this.#isClosed) return Promise.reject(new RpcError(-32000, 'the chain is closing'));
    if (this.#waiting.length >= this.#options.queueMax) {
      return Promise.reject(new RpcError(-32005, 'too many calls are waiting: try again'));
    }
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting.push({ method, params, resolve, reject });
    this.#start();
    return promise;
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0) this.#start();
    });
  }

  /** Refuses what waits and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new RpcError(-32000, 'the chain is closing'));
    await this.#running;
    await this.#host?.[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        next.resolve(await this.#runOne(next));
      } catch (error) {
        next.reject(error);
      }
    }
  }

  async #runOne({ method, params }: Waiting): Promise<string> {
    const host = await this.#open();
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), this.#options.deadlineMs);
    try {
      const answer = host.request(method, params);
      answer.catch(() => undefined);
      const result = await Promise.race([answer, late]);
      if (result !== undefined) return result;
    } finally {
      clearTimeout(timer);
    }
    this.#host = undefined;
    await host.terminate();
    throw new RpcError(-32000, `${DEADLINE_MESSAGE} = ${this.#options.deadlineMs}ms)`);
  }

  async #open(): Promise<WorkerHost> {
    if (this.#host === undefined || this.#host.failure !== undefined) {
      this.#host = await WorkerHost.open(this.#options.worker);
    }
    return this.#host;
  }
}
