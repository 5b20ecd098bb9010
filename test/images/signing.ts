import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, succeeds } from '../support/run-command.ts';
import { repository } from './build.ts';
import { cacheDir } from './config.ts';
import { unpackDebianPackages } from './debian.ts';
import { type Engine, inEngineNetwork } from './engine.ts';

const port = 5077;
const host = `127.0.0.1:${port}`;

/**
 * A registry on the engine's loopback and a pair of cosign keys, for the time of the check: images are pushed, signed
 * and given their bill of materials as a release does it, but with a key instead of an identity, and with no network.
 */
export class SigningBench implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #folder: string;
  readonly #registry: ChildProcess;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(engine: Engine, folder: string, registry: ChildProcess, environment: NodeJS.ProcessEnv) {
    this.#engine = engine;
    this.#folder = folder;
    this.#registry = registry;
    this.#environment = environment;
  }

  static async open(engine: Engine): Promise<SigningBench> {
    const programs = join(await unpackDebianPackages(cacheDir, 'signing', ['cosign', 'docker-registry']), 'usr/bin');
    const folder = mkdtempSync(join(tmpdir(), 'lucid-signing-'));
    mkdirSync(join(folder, 'registry'));
    writeFileSync(join(folder, 'registry.yml'), registryConfig(folder));
    const environment = {
      ...engine.environment,
      PATH: `${engine.environment['PATH']}:${programs}`,
      COSIGN_PASSWORD: '',
    };
    const [program, ...args] = inEngineNetwork(engine, ['docker-registry', 'serve', join(folder, 'registry.yml')]);
    const registry = spawn(program, args, { env: environment, stdio: 'ignore' });
    await once(registry, 'spawn');
    const bench = new SigningBench(engine, folder, registry, environment);
    for (const pair of ['right', 'wrong'])
      await run(['cosign', 'generate-key-pair', '--output-key-prefix', join(folder, pair)], { environment });
    return bench;
  }

  /** Pushes an image of the engine, and returns its name by digest. */
  async push(tag: string, digest: string): Promise<string> {
    const name = `${host}/${repository}`;
    const environment = this.#environment;
    await run(['docker', 'tag', digest, `${name}:${tag}`], { environment });
    await run(['docker', 'push', '--quiet', `${name}:${tag}`], { environment });
    await run(['docker', 'rmi', `${name}:${tag}`], { environment });
    return `${name}@${digest}`;
  }

  async sign(reference: string): Promise<void> {
    await this.#cosign(
      'sign',
      '--key',
      this.#key('right.key'),
      '--tlog-upload=false',
      '--yes',
      '--recursive',
      reference,
    );
  }

  /** Whether the signature of a reference is that of the pair. */
  verifies(reference: string, pair: 'right' | 'wrong'): Promise<boolean> {
    const command = this.#command(
      'verify',
      '--key',
      this.#key(`${pair}.pub`),
      '--insecure-ignore-tlog=true',
      reference,
    );
    return succeeds(command, { environment: this.#environment });
  }

  async attest(reference: string, bomPath: string): Promise<void> {
    const predicate = ['--type', 'cyclonedx', '--predicate', bomPath];
    await this.#cosign(
      'attest',
      '--key',
      this.#key('right.key'),
      '--tlog-upload=false',
      '--yes',
      ...predicate,
      reference,
    );
  }

  /** The bill of materials that was attested, after its signature was checked. */
  async attested(reference: string): Promise<unknown> {
    const flags = ['--key', this.#key('right.pub'), '--insecure-ignore-tlog=true', '--type', 'cyclonedx'];
    const envelope = JSON.parse(await this.#cosign('verify-attestation', ...flags, reference)) as { payload: string };
    const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as { predicate: unknown };
    return statement.predicate;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#registry.exitCode === null) {
      this.#registry.kill();
      await once(this.#registry, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #key(name: string): string {
    const path = join(this.#folder, name);
    if (!existsSync(path)) throw new Error(`cosign made no ${name}`);
    return path;
  }

  #cosign(...args: readonly string[]): Promise<string> {
    return run(this.#command(...args), { environment: this.#environment });
  }

  #command(...args: readonly string[]): [string, ...string[]] {
    const [verb = '', ...rest] = args;
    return inEngineNetwork(this.#engine, ['cosign', verb, '--allow-http-registry', ...rest]);
  }
}

function registryConfig(folder: string): string {
  return [
    'version: 0.1',
    'log: { level: error, accesslog: { disabled: true } }',
    `storage: { filesystem: { rootdirectory: ${join(folder, 'registry')} } }`,
    `http: { addr: '${host}' }`,
    '',
  ].join('\n');
}
