/** The entry of a chain thread: answers requests of the main thread, one method each. */
import { parentPort, workerData } from 'node:worker_threads';
import { isAppError } from '@lucid/common/errors';
import { systemClock } from '@lucid/common/runtime/clock';
import { collectAfterStart } from '@lucid/common/runtime/idle-memory';
import { openCallThread } from './call-thread.ts';
import { openChainThread, type Thread } from './chain-thread.ts';
import { RpcError } from './domain/rpc/rpc-error.ts';
import type { ThreadMessage, ThreadRequest, ThreadStart } from './settings.ts';

type Request = Extract<ThreadRequest, { kind: 'request' }>;

const start = workerData as ThreadStart;
let now = start.now;
const clock = { now: () => now, sleep: systemClock().sleep };

function send(message: ThreadMessage): void {
  parentPort?.postMessage(message, []);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function answer(thread: Thread, { id, method, params }: Request): Promise<void> {
  try {
    const run = Object.hasOwn(thread.methods, method) ? thread.methods[method] : undefined;
    if (run === undefined) throw new RpcError(-32601, `the method ${method} does not exist/is not available`);
    send({ kind: 'result', id, result: JSON.stringify((await run(params)) ?? null) });
  } catch (error) {
    if (error instanceof RpcError) {
      send({ kind: 'error', id, code: error.code, message: error.message, data: error.data });
      return;
    }
    send({ kind: 'fault', detail: `${method}: ${describe(error)}` });
    send({ kind: 'error', id, code: -32603, message: 'internal error' });
  }
}

async function close(thread: Thread): Promise<void> {
  try {
    await thread[Symbol.asyncDispose]();
  } catch (error) {
    send({ kind: 'fault', detail: `close: ${describe(error)}` });
  }
  parentPort?.close();
}

async function serve(): Promise<void> {
  const open = start.role === 'chain' ? openChainThread : openCallThread;
  const thread = await open(start.settings, clock);
  parentPort?.on('message', (message: ThreadRequest) => {
    if (message.kind === 'close') {
      parentPort?.removeAllListeners('message');
      void close(thread);
      return;
    }
    now = Math.max(now, message.now);
    void answer(thread, message);
  });
  send({ kind: 'ready' });
  collectAfterStart();
}

serve().catch((error: unknown) => {
  const code = isAppError(error) ? error.code : 'INTERNAL';
  send({ kind: 'failed', code, detail: error instanceof Error ? error.message : String(error) });
  parentPort?.close();
});
