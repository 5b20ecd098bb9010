import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { run } from '../../support/run-command.ts';
import { root } from '../config.ts';
import type { Engine } from '../engine.ts';

const require = createRequire(import.meta.url);
const cli = require.resolve('@devcontainers/cli/devcontainer.js');

interface Configuration {
  readonly features: Readonly<Record<string, object>>;
  readonly mounts: readonly { readonly source: string }[];
}

/** The development container of a workspace of its own: this repository's `.devcontainer`, but for what needs a network. */
export class DevContainer {
  readonly #engine: Engine;
  readonly #folder: string;
  readonly #image: string;
  readonly #volumes: string[] = [];
  #id: string | undefined;

  /** @param image what its Dockerfile was built to */
  constructor(engine: Engine, folder: string, image: string) {
    this.#engine = engine;
    this.#folder = folder;
    this.#image = image;
    this.#writeWorkspace();
  }

  /** Reads this repository's own configuration by the reference implementation. */
  async readConfiguration(): Promise<string> {
    const output = await this.#cli('read-configuration', ['--workspace-folder', root]);
    const { configuration } = JSON.parse(output) as { configuration: { name: string; remoteUser: string } };
    if (configuration.name !== 'Lucid' || configuration.remoteUser !== 'node') throw new Error(output);
    return `${configuration.name}, for ${configuration.remoteUser}`;
  }

  async up(): Promise<string> {
    await this.#makeKeys();
    const output = await this.#cli('up', ['--workspace-folder', this.#folder, '--omit-syntax-directive']);
    const last = output.trim().split('\n').at(-1) ?? '';
    const { outcome, containerId } = JSON.parse(last) as { outcome: string; containerId: string };
    this.#id = containerId;
    if (outcome !== 'success') throw new Error(last);
    return containerId.slice(0, 12);
  }

  /** Runs a line of shell inside, as the remote user in the workspace. @returns what it prints, which must match */
  async expect(line: string, pattern: RegExp): Promise<string> {
    const output = await this.#cli('exec', ['--workspace-folder', this.#folder, 'sh', '-c', line]);
    if (!pattern.test(output.trim())) throw new Error(`${line} printed ${JSON.stringify(output.trim())}`);
    return output.trim();
  }

  /** The command that signs in inside, by the accepted key, by another one, or by a password. */
  ssh(user: string, by: 'key' | 'none' | 'password', command: string): string {
    const ways = {
      key: '-o BatchMode=yes -o IdentitiesOnly=yes -i .keys/accepted',
      none: '-o BatchMode=yes -o IdentitiesOnly=yes -i .keys/stranger',
      password: '-o PreferredAuthentications=password,keyboard-interactive -o NumberOfPasswordPrompts=1',
    };
    const known = '-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR';
    return `ssh ${known} ${ways[by]} -p 2222 ${user}@127.0.0.1 '${command}' < /dev/null`;
  }

  /** Removes the container, the images that were made for it (with the features; with the user's uid) and its volumes. */
  async remove(): Promise<void> {
    const { environment } = this.#engine;
    if (this.#id !== undefined) {
      const output = await run(['docker', 'inspect', '--format', '{{.Config.Image}}', this.#id], { environment });
      await run(['docker', 'rm', '--force', this.#id], { environment });
      const image = output.trim();
      for (const made of new Set([image, image.replace(/-uid$/, '')]))
        if (made !== this.#image) await run(['docker', 'image', 'rm', made], { environment });
    }
    if (this.#volumes.length > 0) await run(['docker', 'volume', 'rm', '--force', ...this.#volumes], { environment });
  }

  #writeWorkspace(): void {
    const own = join(root, '.devcontainer');
    const target = join(this.#folder, '.devcontainer');
    mkdirSync(target, { recursive: true });
    cpSync(join(own, 'features'), join(target, 'features'), { recursive: true });
    const {
      build: _,
      features,
      mounts,
      ...rest
    } = JSON.parse(readFileSync(join(own, 'devcontainer.json'), 'utf8')) as Configuration & { build: unknown };
    const volumes = mounts.map((mount, index) => ({ ...mount, source: `lucid-test-${process.pid}-${index}` }));
    this.#volumes.push(...volumes.map(({ source }) => source));
    const config = {
      ...rest,
      image: this.#image,
      features: Object.fromEntries(Object.entries(features).filter(([name]) => name.startsWith('./'))),
      mounts: volumes,
      runArgs: ['--network=none'],
      // Installing needs the registry; that pnpm itself is there is checked inside.
      updateContentCommand: 'pnpm --version',
    };
    writeFileSync(join(target, 'devcontainer.json'), JSON.stringify(config));
  }

  async #cli(command: string, args: readonly string[]): Promise<string> {
    return await run([process.execPath, cli, command, ...args], { environment: this.#engine.environment });
  }

  /** Makes two key pairs in the workspace, one of which is accepted; all of it belongs to the user inside. */
  async #makeKeys(): Promise<void> {
    const keys = join(this.#folder, '.keys');
    mkdirSync(keys, { recursive: true });
    for (const name of ['accepted', 'stranger'])
      await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(keys, name)]);
    cpSync(join(keys, 'accepted.pub'), join(this.#folder, '.devcontainer/authorized_keys'));
    if (process.getuid?.() === 0) await run(['chown', '-R', '1000:1000', this.#folder]);
  }
}
