import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { root as repository } from '../images/config.ts';
import { type Engine, inEngineNetwork } from '../images/engine.ts';
import { CommandFailed, type RunOptions, run } from '../support/run-command.ts';

/** Files of the folder compose, in the order `-f` takes them; a path with a slash is from the repository's root. */
export type ComposeFiles = readonly [string, ...string[]];

/** The stack on one engine and one folder of data. Only one can be up at a time: its addresses are fixed. */
export class Stack {
  readonly project: string;
  /** LUCID_ROOT. */
  readonly root: string;
  readonly #engine: Engine;
  readonly #variables: Readonly<Record<string, string>>;

  constructor(engine: Engine, root: string, variables: Readonly<Record<string, string>> = {}, project = 'lucid') {
    this.#engine = engine;
    this.root = root;
    this.project = project;
    this.#variables = variables;
  }

  /** The same stack with other variables, or on another folder. */
  with(variables: Readonly<Record<string, string>>, { root = this.root, project = this.project } = {}): Stack {
    return new Stack(this.#engine, root, { ...this.#variables, ...variables }, project);
  }

  async docker(args: readonly string[], options: RunOptions = {}): Promise<string> {
    return await run(['docker', ...args], { environment: this.#environment(), ...options });
  }

  async compose(files: ComposeFiles, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const paths = files.flatMap((file) => ['-f', join(repository, file.includes('/') ? file : `compose/${file}`)]);
    // An operator's .env is not this run's business.
    return await this.docker(
      ['compose', '--env-file', '/dev/null', '--progress', 'plain', '--ansi', 'never', ...paths, ...args],
      options,
    );
  }

  /** Brings everything of the files up; resolves when all are healthy, in seconds. */
  async up(files: ComposeFiles, ...args: string[]): Promise<number> {
    const startedAt = performance.now();
    try {
      await this.compose(files, ['up', '-d', '--wait', '--no-build', '--pull', 'never', ...args]);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      throw new CommandFailed(
        ['up', ...files],
        error.exitCode,
        `${error.output}\n${await this.#explain(error.output)}`,
      );
    }
    return (performance.now() - startedAt) / 1000;
  }

  /** The last lines of the log of the container that a failed `up` names. */
  async #explain(output: string): Promise<string> {
    const name = /container ([\w-]+) (?:is unhealthy|exited)/.exec(output)?.[1];
    if (name === undefined) return '';
    return stripVTControlCharacters(await this.docker(['logs', '--tail', '8', name]));
  }

  /** Ends and forgets every container, network and volume name of the project. What is under `root` stays. */
  async down(): Promise<void> {
    await this.docker(['compose', '-p', this.project, 'down', '-v', '--remove-orphans', '--timeout', '20']);
  }

  /** Runs a command where the published ports are on 127.0.0.1. */
  async inNetwork(command: readonly [string, ...string[]], options: RunOptions = {}): Promise<string> {
    return await run(inEngineNetwork(this.#engine, command), options);
  }

  /** The body of a GET, in text, of an address on this machine. */
  async get(url: string, ...args: string[]): Promise<string> {
    return await this.inNetwork(['curl', '-sS', '--fail-with-body', '--max-time', '20', ...args, url]);
  }

  get namespace(): string | undefined {
    return this.#engine.namespace;
  }

  /** Makes the folder of data empty, as a new disk is: root's. */
  async empty(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
    await mkdir(this.root, { recursive: true });
  }

  #environment(): NodeJS.ProcessEnv {
    const own = Object.entries(this.#engine.environment).filter(([name]) => !/^(LUCID|COMPOSE)_/.test(name));
    return { ...Object.fromEntries(own), LUCID_ROOT: this.root, ...this.#variables };
  }
}
