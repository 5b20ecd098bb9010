/** The main thread's end of a chain thread: requests out, answers in, and an end that is never silent. */
import { Worker } from 'node:worker_threads';
import { AppError } from '@lucid/common/errors';
import { RpcError } from './domain/rpc/rpc-error.ts';
import type { ThreadMessage, ThreadRequest, ThreadStart } from './settings.ts';

export type WorkerHostOptions = {
  readonly start: ThreadStart;
  /** The service's clock, milliseconds since 1970. */
  readonly now: () => number;
  /** A fault inside the thread that was answered as "internal error". */
  readonly onFault: (detail: string) => void;
};

type Waiting = { resolve: (result: string) => void; reject: (error: Error) => void };

/** The thread's source beside this file: TypeScript in development, JavaScript when built. */
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/**
 * A thread's heap, several times what it needs: a thread that meets it ends, and the process lives. Where the process's
 * memory is limited (a container), no more than a share of that: V8 collects before the kernel ends the whole process.
 */
const HEAP = { chain: { mb: 768, share: 0.45 }, calls: { mb: 384, share: 0.25 } } as const;

/** The most heap a thread may take, MB; `limitBytes` is what the process may use, 0 where nothing says. */
export function heapMbOf(role: keyof typeof HEAP, limitBytes: number): number {
  const { mb, share } = HEAP[role];
  return limitBytes > 0 ? Math.min(mb, Math.floor((share * limitBytes) / 2 ** 20)) : mb;
}

/** One running thread. */
export class WorkerHost implements AsyncDisposable {
  readonly #options: WorkerHostOptions;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  #nextId = 0;
  #failure: AppError | undefined;
  #isClosing = false;

  private constructor(options: WorkerHostOptions) {
    this.#options = options;
    const conditions = import.meta.url.endsWith('.ts') ? ['--conditions=source'] : [];
    const heapMb = heapMbOf(options.start.role, process.constrainedMemory());
    const resourceLimits = { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: Math.min(32, heapMb / 8) };
    this.#worker = new Worker(ENTRY, { workerData: options.start, execArgv: conditions, resourceLimits });
    this.#worker.on('message', (message: ThreadMessage) => this.#receive(message));
    this.#worker.on('error', (error) => this.#end(`the thread failed: ${error.message}`));
    this.#worker.on('exit', () => {
      this.#end('the thread ended');
      this.#exited.resolve();
    });
  }

  /** Starts a thread and waits until it answers. @throws AppError with the thread's own code */
  static async open(options: WorkerHostOptions): Promise<WorkerHost> {
    const host = new WorkerHost(options);
    try {
      await host.#opened.promise;
    } catch (error) {
      await host.#exited.promise;
      throw error;
    }
    return host;
  }

  /** Why the thread answers no more. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Runs a method in the thread; answers its result as JSON text. @throws RpcError */
  request(method: string, params: readonly unknown[]): Promise<string> {
    if (this.#failure !== undefined) return Promise.reject(new RpcError(-32603, 'the chain does not answer'));
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting.set(id, { resolve, reject });
    this.#post({ kind: 'request', id, method, params, now: this.#options.now() });
    return promise;
  }

  /** Ends the thread at once, whatever it does. Only for threads that write nothing. */
  async terminate(): Promise<void> {
    this.#isClosing = true;
    await this.#worker.terminate();
  }

  /** Lets the thread close what it has open. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosing && this.#failure === undefined) this.#post({ kind: 'close' });
    this.#isClosing = true;
    await this.#exited.promise;
  }

  #post(message: ThreadRequest): void {
    this.#worker.postMessage(message, []);
  }

  #receive(message: ThreadMessage): void {
    if (message.kind === 'ready') this.#opened.resolve();
    else if (message.kind === 'failed') this.#opened.reject(new AppError(message.code, message.detail));
    else if (message.kind === 'fault') this.#options.onFault(message.detail);
    else this.#settle(message);
  }

  #settle(message: Extract<ThreadMessage, { kind: 'result' | 'error' }>): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === 'result') waiting?.resolve(message.result);
    else waiting?.reject(new RpcError(message.code, message.message, message.data));
  }

  #end(reason: string): void {
    if (this.#failure === undefined && !this.#isClosing) this.#options.onFault(reason);
    this.#failure ??= new AppError('INTERNAL', reason);
    this.#opened.reject(this.#failure);
    for (const { reject } of this.#waiting.values()) reject(new RpcError(-32603, 'the chain does not answer'));
    this.#waiting.clear();
  }
}
