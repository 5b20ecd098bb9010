import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '@lucid/common/runtime/config';

const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));

export interface Ran {
  readonly exitCode: number;
  /** The JSON it ended with: the result, or the error. */
  readonly result: Record<string, unknown>;
}

/** One person's `lucid --json`, with a home of its own. */
export class LucidCommand {
  readonly home: string;
  readonly #env: Environment;

  private constructor(home: string, env: Environment) {
    this.home = home;
    this.#env = env;
  }

  static async create(home: string, env: Environment): Promise<LucidCommand> {
    await mkdir(home, { mode: 0o700 });
    return new LucidCommand(home, env);
  }

  /** A file of the person's. */
  async file(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.home, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  }

  async run(...args: readonly string[]): Promise<Ran> {
    const { exitCode, text } = await this.show('--json', ...args);
    try {
      return { exitCode, result: JSON.parse(text) as Record<string, unknown> };
    } catch (cause) {
      throw new Error(`lucid ${args.join(' ')} ended with ${exitCode} and said:\n${text}`, { cause });
    }
  }

  /** As people see it: standard output, or standard error where there is none. */
  async show(...args: readonly string[]): Promise<{ readonly exitCode: number; readonly text: string }> {
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number; text: string }>();
    const env = {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      HOME: this.home,
      XDG_CONFIG_HOME: join(this.home, 'config'),
      XDG_DATA_HOME: join(this.home, 'data'),
      ...this.#env,
    };
    execFile(process.execPath, ['--conditions=source', main, ...args], { env }, (error, stdout, stderr) => {
      const text = stdout.trim() || stderr.trim();
      const exitCode = typeof error?.code === 'number' ? error.code : 0;
      resolve({ exitCode, text });
    });
    return await promise;
  }
}
