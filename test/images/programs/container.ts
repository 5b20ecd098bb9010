import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../../support/run-command.ts';
import type { Engine } from '../engine.ts';

/** A platform to run an image on, as this machine has it. */
export interface Variant {
  readonly name: string;
  readonly platform: 'linux/amd64' | 'linux/arm64';
  readonly environment: Readonly<Record<string, string>>;
}

/** The emulator lays out memory in pages of another size when it is told to: those of a Raspberry Pi 5's kernel. */
export const variants: readonly Variant[] = [
  { name: 'amd64', platform: 'linux/amd64', environment: {} },
  { name: 'arm64', platform: 'linux/arm64', environment: {} },
  { name: 'arm64, pages of 16 KiB', platform: 'linux/arm64', environment: { QEMU_PAGESIZE: '16384' } },
];

export interface ContainerOptions {
  readonly image: string;
  readonly variant: Variant;
  readonly network: string;
  /** `docker run`'s `--volume` and `--tmpfs`. */
  readonly mounts: readonly string[];
  /** Arguments of the image's program. */
  readonly args?: readonly string[];
}

/** What Compose gives every container: nothing to write to but its mounts, no capability, no way to get one. */
const confinement = [
  '--read-only',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  '--memory=192m',
  '--pids-limit=128',
  // Health is asked for here, when it is needed.
  '--no-healthcheck',
];

/** A container that is gone when it is disposed. */
export class ProgramContainer {
  readonly #engine: Engine;
  readonly id: string;

  private constructor(engine: Engine, id: string) {
    this.#engine = engine;
    this.id = id;
  }

  static async start(engine: Engine, options: ContainerOptions): Promise<ProgramContainer> {
    const { image, variant, network, mounts, args = [] } = options;
    const environment = Object.entries(variant.environment).map(([name, value]) => `--env=${name}=${value}`);
    const place = [`--platform=${variant.platform}`, `--network=${network}`];
    const command = ['run', '--detach', ...confinement, ...place, ...environment, ...mounts, image, ...args];
    return new ProgramContainer(engine, (await docker(engine, command)).trim());
  }

  async docker(verb: string, ...args: readonly string[]): Promise<string> {
    return docker(this.#engine, [verb, ...args, this.id]);
  }

  /** The first process, as this machine numbers it. */
  async pid(): Promise<number> {
    return Number(await this.docker('inspect', '--format={{.State.Pid}}'));
  }

  /** Runs the image's own health check until it is content; throws with its last reason and the program's log. */
  async healthy(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      try {
        await docker(this.#engine, ['exec', this.id, '/usr/bin/health']);
        return;
      } catch (error) {
        if (performance.now() > deadline)
          throw new Error(`not healthy:\n${await this.docker('logs', '--tail=12')}`, { cause: error });
        await delay(100);
      }
    }
  }

  /** Stops the program as Compose does, and throws when it had to be killed. */
  async stop(): Promise<void> {
    await this.docker('stop', '--time=10');
    const code = (await this.docker('inspect', '--format={{.State.ExitCode}}')).trim();
    if (code !== '0') throw new Error(`stopped with exit code ${code}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.docker('rm', '--force');
  }
}

/** Runs `docker` and returns what it printed. */
export async function docker({ environment }: Engine, args: readonly string[]): Promise<string> {
  return run(['docker', ...args], { environment });
}
