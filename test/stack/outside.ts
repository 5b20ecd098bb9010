import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { run, succeeds } from '../support/run-command.ts';
import type { Target } from './probe.ts';
import type { Stack } from './stack.ts';

const name = 'lucid-outside';
const address = { stack: '198.51.100.1', outside: '198.51.100.2' } as const;
const port = 4444;
const server = `require('node:net').createServer((s) => s.destroy()).listen(${port}, () => console.log('ready'))`;

/** A machine beyond the one the stack runs on: a network namespace behind a cable, in which something listens. */
export class Outside implements AsyncDisposable {
  readonly target: Target = { address: address.outside, port };
  readonly #server: ChildProcess;

  private constructor(listener: ChildProcess) {
    this.#server = listener;
  }

  static async open(stack: Stack): Promise<Outside> {
    await removeNamespace();
    const inStack = stack.inNetwork.bind(stack);
    await run(['ip', 'netns', 'add', name]);
    await inStack(['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'cable', 'netns', `/run/netns/${name}`]);
    await inStack(['ip', 'address', 'add', `${address.stack}/24`, 'dev', name]);
    await inStack(['ip', 'link', 'set', name, 'up']);
    for (const command of [
      ['link', 'set', 'lo', 'up'],
      ['address', 'add', `${address.outside}/24`, 'dev', 'cable'],
      ['link', 'set', 'cable', 'up'],
      // An answer finds its way even to an address that was not translated: only the way out counts.
      ['route', 'add', 'default', 'via', address.stack],
    ]) {
      await run(['nsenter', `--net=/run/netns/${name}`, 'ip', ...command]);
    }
    const listener = spawn('nsenter', [`--net=/run/netns/${name}`, process.execPath, '-e', server]);
    await once(listener.stdout, 'data');
    return new Outside(listener);
  }

  /** A process on it. */
  get pid(): number {
    return this.#server.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#server, 'close');
    this.#server.kill('SIGKILL');
    await ended;
    await removeNamespace();
  }
}

async function removeNamespace(): Promise<void> {
  if (await succeeds(['ip', 'netns', 'pids', name])) await run(['ip', 'netns', 'delete', name]);
}
