import { promises as files } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

type Call = (...args: unknown[]) => unknown;

function isHandle(value: unknown): value is FileHandle {
  return typeof value === 'object' && value !== null && 'datasync' in value;
}

/**
 * Lets `count` operations on files through and none after, as if the process had died: everything that writes, names,
 * syncs or removes. With `tears`, the first one stopped writes half of what it was given.
 */
export class DyingDisk implements AsyncDisposable {
  readonly #opened: FileHandle[] = [];
  readonly #originals: [object: Record<string, Call>, name: string, call: Call][] = [];
  #left: number;

  constructor(count: number, tears: boolean, sample: FileHandle) {
    const handle = Object.getPrototypeOf(sample) as object;
    this.#left = count;
    this.#wrap(files, ['mkdir', 'rename', 'rm', 'rmdir', 'open'], () => undefined);
    this.#wrap(handle, ['writeFile', 'appendFile', 'sync', 'datasync', 'truncate'], (self, name, call, [data]) => {
      const isWrite = name === 'writeFile' || name === 'appendFile';
      const isTorn = tears && isWrite && (typeof data === 'string' || data instanceof Uint8Array);
      return isTorn ? Reflect.apply(call, self, [data.slice(0, data.length / 2)]) : undefined;
    });
    syncBuiltinESMExports();
  }

  get isDead(): boolean {
    return this.#left < 0;
  }

  #wrap(
    object: object,
    names: readonly string[],
    last: (self: unknown, name: string, call: Call, args: unknown[]) => unknown,
  ): void {
    const target = object as Record<string, Call>;
    const take = (): number => this.#left--;
    const keep = (result: unknown): unknown => {
      if (isHandle(result)) this.#opened.push(result);
      return result;
    };
    for (const name of names) {
      const call = target[name];
      if (call === undefined) throw new Error(`there is no ${name}`);
      this.#originals.push([target, name, call]);
      target[name] = async function (this: unknown, ...args: unknown[]) {
        const left = take();
        if (left > 0) return keep(await Reflect.apply(call, this, args));
        if (left === 0) await last(this, name, call, args);
        throw new Error('the process is dead');
      };
    }
  }

  /** The disk works again, and what the dead process had open is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const [target, name, call] of this.#originals) target[name] = call;
    syncBuiltinESMExports();
    for (const handle of this.#opened) await handle.close();
  }
}
