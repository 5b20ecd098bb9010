import { join } from 'node:path';

/** What the tracer is told to watch, by what a file is for: one fault is of one kind of file. */
export const fileKinds = {
  log: ({ store }) => numbered(store, (number) => `${number}.log`),
  table: ({ store }) => numbered(store, (number) => `${number}.ldb`),
  manifest: ({ store }) => numbered(store, (number) => `MANIFEST-${number}`),
  current: ({ store }) => [join(store, 'CURRENT'), ...numbered(store, (number) => `${number}.dbtmp`)],
  lock: ({ store }) => [join(store, 'LOCK')],
  report: ({ store }) => [join(store, 'LOG'), join(store, 'LOG.old')],
  'store folder': ({ data, store }) => [data, store],
  published: ({ published }) => [join(published, 'lucid.checkpoint')],
  'published folder': ({ published }) => [published],
  fence: ({ published }) => {
    const fence = join(published, 'lucid.checkpoint.lock');
    return [fence, ...['CURRENT', 'LOCK', 'LOG', 'LOG.old'].map((name) => join(fence, name))].concat(
      ...['.log', '.ldb', '.dbtmp'].map((end) => numbered(fence, (number) => number + end)),
      numbered(fence, (number) => `MANIFEST-${number}`),
    );
  },
} as const satisfies Record<string, (folders: Folders) => string[]>;

export type FileKind = keyof typeof fileKinds;
type Folders = { readonly data: string; readonly store: string; readonly published: string };

const numberMax = 60;

function numbered(folder: string, name: (number: string) => string): string[] {
  return Array.from({ length: numberMax }, (_, index) => join(folder, name(String(index + 1).padStart(6, '0'))));
}

export function pathsOf(kind: FileKind, data: string): string[] {
  return fileKinds[kind]({ data, store: join(data, 'lucid'), published: join(data, 'published') });
}

/** Each as the kernels of both architectures call it; the tracer is told to do without those that are not there. */
const systemCalls = [
  'write',
  'writev',
  'pwrite64',
  'pwritev',
  'fsync',
  'fdatasync',
  'ftruncate',
  'openat',
  'open',
].concat(['rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'mkdir', 'mkdirat', 'link', 'linkat']);

export const traced = systemCalls.map((name) => `?${name}`).join(',');

export const faultErrors = ['EIO', 'ENOSPC'] as const;

/** The n-th such call of a thread, on a file of a kind; `phase` is what the ledger is at when it comes. */
export type Site = { readonly kind: FileKind; readonly call: string; readonly ordinal: number; readonly phase: string };

/** When a phase of the traced run began, in seconds, latest last. */
export type Phase = { readonly name: string; readonly from: number };

/** Reads a trace (`strace -f -ttt`): every call a fault can be put into, as its own thread counts it. */
export function listSites(trace: string, kind: FileKind, phases: readonly Phase[]): Site[] {
  const counts = new Map<string, number>();
  const sites = new Map<string, Site>();
  for (const line of trace.split('\n')) {
    const [, thread = '', time = '', call = ''] = /^(\d+) +([\d.]+) (\w+)\(/u.exec(line) ?? [];
    if (call === '') continue;
    const ordinal = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, ordinal);
    const phase = phases.findLast(({ from }) => from <= Number(time))?.name ?? 'start';
    if (!sites.has(`${call} ${ordinal}`)) sites.set(`${call} ${ordinal}`, { kind, call, ordinal, phase });
  }
  return [...sites.values()];
}

/** One of each: the first call of its kind in each phase. */
export function firstOfEach(sites: readonly Site[]): Site[] {
  const first = new Map<string, Site>();
  for (const site of sites) {
    const key = `${site.kind} ${site.call} ${site.phase}`;
    if (!first.has(key)) first.set(key, site);
  }
  return [...first.values()];
}
