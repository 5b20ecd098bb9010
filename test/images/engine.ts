import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run, succeeds } from '../support/run-command.ts';
import { cacheDir, engineNamespace } from './config.ts';
import { unpackDebianPackages } from './debian.ts';

/** A Docker Engine with buildx, Compose and an image store that keeps several platforms under one name. */
export interface Engine {
  /** What a child process that calls `docker` needs as its environment. */
  readonly environment: NodeJS.ProcessEnv;
  /** The network namespace in which published ports are reached; undefined: the machine's own. */
  readonly namespace: string | undefined;
  /** True for the daemon started here. */
  readonly isPrivate: boolean;
  readonly version: string;
}

const packages = ['docker.io', 'docker-cli', 'containerd', 'docker-buildx', 'docker-compose', 'tini'];
const programs = [
  'usr/sbin/dockerd',
  'usr/sbin/docker-proxy',
  'usr/bin/docker',
  'usr/bin/containerd',
  'usr/bin/containerd-shim-runc-v2',
];
const neededOnTheMachine = ['runc', 'iptables', 'ip', 'nsenter', 'apt-get', 'dpkg-deb'];

/** Where the private daemon of one cache folder lives; the socket's path is short however long the folder's is. */
function privatePaths(cache: string) {
  const id = createHash('sha256').update(cache).digest('hex').slice(0, 8);
  const runtime = `/run/lucid-${id}`;
  const home = join(cache, 'engine');
  return {
    namespace: `lucid-${id}`,
    runtime,
    socket: `${runtime}/docker.sock`,
    pidFile: `${runtime}/docker.pid`,
    bin: join(home, 'bin'),
    config: join(home, 'config'),
    data: join(home, 'data'),
    log: join(home, 'dockerd.log'),
    daemonConfig: join(home, 'daemon.json'),
  };
}

/**
 * The Docker that answers by the caller's own environment, if it has all that is needed; else a private daemon from
 * Debian's packages, in a network namespace of its own with no route out, which is started unless it runs already and
 * goes on running when this process ends. Throws with what is missing when neither is to be had.
 */
export async function openEngine(cache = cacheDir): Promise<Engine> {
  const own = await describe(process.env);
  if (own !== undefined && own.lacks === '') return { ...own, namespace: engineNamespace, isPrivate: false };
  const paths = privatePaths(cache);
  const environment = privateEnvironment(cache);
  if ((await describe(environment)) === undefined) {
    if (process.getuid?.() !== 0)
      throw new Error(
        `a private engine needs root, and ${own === undefined ? 'no other answers' : `yours lacks ${own.lacks}`}`,
      );
    await fetchDaemon(cache);
    await startDaemon(cache);
  }
  const started = await describe(environment);
  if (started === undefined || started.lacks !== '')
    throw new Error(`the private engine lacks ${started?.lacks ?? 'an answer'}; see ${paths.log}`);
  return { ...started, namespace: paths.namespace, isPrivate: true };
}

/** Stops the private daemon of the cache folder, if it runs, and removes its namespace. The fetched files stay. */
export async function stopEngine(cache = cacheDir): Promise<void> {
  const { pidFile, namespace, runtime } = privatePaths(cache);
  if (existsSync(pidFile)) {
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
    for (let waitedMs = 0; existsSync(pidFile) && waitedMs < 20_000; waitedMs += 100) await delay(100);
    if (existsSync(pidFile)) throw new Error(`the daemon of ${pidFile} does not end`);
  }
  rmSync(runtime, { recursive: true, force: true });
  if (existsSync(`/run/netns/${namespace}`)) await run(['ip', 'netns', 'delete', namespace]);
}

/** The command that runs `command` where the engine's published ports are on loopback. */
export function inEngineNetwork(engine: Engine, command: readonly [string, ...string[]]): [string, ...string[]] {
  // Not `ip netns exec`: it hides /sys/fs/cgroup.
  if (engine.namespace === undefined) return [...command];
  return ['nsenter', `--net=/run/netns/${engine.namespace}`, ...command];
}

function privateEnvironment(cache: string): NodeJS.ProcessEnv {
  const { bin, socket, config } = privatePaths(cache);
  const PATH = `${bin}:${process.env['PATH']}:/usr/sbin:/sbin`;
  return { ...process.env, PATH, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config };
}

interface DockerInfo {
  readonly ServerVersion?: string;
  readonly DriverStatus?: readonly (readonly [string, string])[] | null;
}

/** What answers by this environment and what it lacks; undefined when nothing does. */
async function describe(environment: NodeJS.ProcessEnv) {
  try {
    const info = JSON.parse(await run(['docker', 'info', '--format', '{{json .}}'], { environment })) as DockerInfo;
    if (info.ServerVersion === undefined || info.ServerVersion === '') return undefined;
    const lacks: string[] = [];
    if (!(await succeeds(['docker', 'buildx', 'version'], { environment }))) lacks.push('buildx');
    if (!(await succeeds(['docker', 'compose', 'version'], { environment }))) lacks.push('Compose');
    if (!JSON.stringify(info.DriverStatus).includes('io.containerd.snapshotter'))
      lacks.push('the containerd image store');
    return { environment, version: info.ServerVersion, lacks: lacks.join(', ') };
  } catch {
    return undefined;
  }
}

/** Fetches and unpacks the daemon's packages into the cache folder, once. */
async function fetchDaemon(cache: string): Promise<void> {
  const { bin, config } = privatePaths(cache);
  if (existsSync(join(bin, 'docker-init'))) return;
  const missing: string[] = [];
  for (const program of neededOnTheMachine)
    if (!(await succeeds(['sh', '-c', `command -v ${program}`]))) missing.push(program);
  if (missing.length > 0)
    throw new Error(`this machine lacks ${missing.join(', ')}: apt-get install runc iptables iproute2`);
  const files = await unpackDebianPackages(cache, 'engine', packages);
  mkdirSync(join(config, 'cli-plugins'), { recursive: true });
  mkdirSync(bin, { recursive: true });
  for (const plugin of globSync(join(files, 'usr/libexec/docker/cli-plugins/*')))
    link(plugin, join(config, 'cli-plugins', basename(plugin)));
  writeFileSync(join(config, 'config.json'), '{}\n');
  for (const program of programs) link(join(files, program), join(bin, basename(program)));
  link(join(files, 'usr/bin/tini-static'), join(bin, 'docker-init'));
}

function link(target: string, path: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

async function startDaemon(cache: string): Promise<void> {
  const paths = privatePaths(cache);
  mkdirSync(paths.runtime, { recursive: true, mode: 0o700 });
  rmSync(paths.pidFile, { force: true });
  // The containerd image store keeps both platforms under one name and takes OCI layouts in `docker load`.
  const daemon = {
    features: { 'containerd-snapshotter': true },
    'log-driver': 'local',
    'exec-opts': ['native.cgroupdriver=cgroupfs'],
  };
  writeFileSync(paths.daemonConfig, JSON.stringify(daemon));
  if (!existsSync(`/run/netns/${paths.namespace}`)) await run(['ip', 'netns', 'add', paths.namespace]);
  const inside = `--net=/run/netns/${paths.namespace}`;
  await run(['nsenter', inside, 'ip', 'link', 'set', 'lo', 'up']);
  // A program that was unpacked a moment ago can still be busy ("Text file busy"): the next attempt finds it free.
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    if (await launchDaemon(cache)) return;
    await delay(1000);
  }
  throw new Error(
    `the Docker daemon did not start:\n${readFileSync(paths.log, 'utf8').split('\n').slice(-12).join('\n')}`,
  );
}

/** One attempt; false where the daemon ended or did not answer in a minute. */
async function launchDaemon(cache: string): Promise<boolean> {
  const paths = privatePaths(cache);
  const inside = `--net=/run/netns/${paths.namespace}`;
  const log = openSync(paths.log, 'a');
  const places = ['--data-root', paths.data, '--exec-root', `${paths.runtime}/exec`, '--pidfile', paths.pidFile];
  const child = spawn(
    'nsenter',
    [inside, 'dockerd', '--config-file', paths.daemonConfig, ...places, '-H', `unix://${paths.socket}`],
    {
      env: privateEnvironment(cache),
      detached: true,
      stdio: ['ignore', log, log],
    },
  );
  await once(child, 'spawn');
  child.unref();
  for (let waitedMs = 0; waitedMs < 60_000 && child.exitCode === null; waitedMs += 200) {
    if ((await describe(privateEnvironment(cache))) !== undefined) return true;
    await delay(200);
  }
  child.kill();
  return false;
}
