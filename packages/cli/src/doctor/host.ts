import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** The machine as the kernel shows it. Paths are relative to its root folder: `proc/meminfo`. */
export interface Host {
  /** As `process.arch`. */
  readonly arch: string;
  path(name: string): string;
  /** A file's text without the line end; undefined when it cannot be read. */
  text(name: string): string | undefined;
  bytes(name: string): Buffer | undefined;
  /** Names in a folder; none when it cannot be read. */
  list(name: string): readonly string[];
  has(name: string): boolean;
  /** What a symbolic link says; undefined when it cannot be read. */
  link(name: string): string | undefined;
}

/** Looks at this machine, or at a folder that is laid out like one. */
export function openHost(root = '/', arch: string = process.arch): Host {
  const path = (name: string): string => join(root, name);
  const bytes = (name: string): Buffer | undefined => orUndefined(() => readFileSync(path(name)));
  return {
    arch,
    path,
    bytes,
    text: (name) => bytes(name)?.toString('utf8').trim(),
    list: (name) => orUndefined(() => readdirSync(path(name))) ?? [],
    has: (name) => existsSync(path(name)),
    link: (name) => orUndefined(() => readlinkSync(path(name))),
  };
}

/** What is absent or closed on this machine is a fact a check reports, not an error. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'errno' in error) return undefined;
    throw error;
  }
}

/** Whether this is a container, whose `/` says nothing about the machine's disks and ports. */
export function isContainer(host: Host): boolean {
  return host.has('.dockerenv') || host.has('run/.containerenv') || findMount(host, '/')?.type === 'overlay';
}

export interface Mount {
  readonly point: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** The mount a path is on. See proc(5), `/proc/pid/mountinfo`. */
export function findMount(host: Host, path: string): Mount | undefined {
  const lines = host.text('proc/self/mountinfo')?.split('\n') ?? [];
  const mounts = lines.map(parseMount).filter((mount) => mount !== undefined);
  const over = mounts.filter(
    ({ point }) => path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`),
  );
  // The later of two mounts on one point hides the earlier.
  return over.reduce<Mount | undefined>(
    (best, next) => (best && best.point.length > next.point.length ? best : next),
    undefined,
  );
}

function parseMount(line: string): Mount | undefined {
  const [left = '', right = ''] = line.split(' - ');
  const [, , , , point, options] = left.split(' ');
  const [type, source] = right.split(' ');
  if (point === undefined || options === undefined || type === undefined || source === undefined) return undefined;
  const unescape = (text: string) =>
    text.replace(/\\(\d{3})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
  return { point: unescape(point), type, source: unescape(source), options: options.split(',') };
}
