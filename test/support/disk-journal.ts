import { dirname } from 'node:path';

/** One change of a folder's names, in the order they were made. */
export type NameChange =
  | { readonly kind: 'file'; readonly inode: string; readonly path: string }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'rename'; readonly inode: string; readonly from: string; readonly path: string }
  | { readonly kind: 'gone'; readonly path: string };

/** Bytes of a file that were written over and not synced since; `id` names the file with the old ones. */
export type Overwrite = { readonly id: string; readonly inode: string; readonly offset: number; readonly size: number };

/** What the shim wrote down (`disk-shim.c`), read for one question: what of it did a sync make durable? */
export type DiskJournal = {
  readonly changes: readonly { readonly change: NameChange; readonly isDurable: boolean }[];
  /** Of each file that was synced: its size when the last of its finished syncs began. */
  readonly syncedSizes: ReadonlyMap<string, number>;
  /** Oldest first. */
  readonly unsynced: readonly Overwrite[];
};

type Sync = { readonly inode: string; readonly size: number; readonly path: string; readonly begin: number };

/** A sync makes durable what was there when it began, and only once it has ended. */
export function parseDiskJournal(text: string): DiskJournal {
  const changes: { change: NameChange; at: number }[] = [];
  const overwrites: (Overwrite & { at: number })[] = [];
  const begun = new Map<string, Sync>();
  const synced = new Map<string, Sync>();
  const folders = new Map<string, number>();
  for (const [at, line] of text.split('\n').entries()) {
    const [kind, first = '', second = '', third = '', fourth = ''] = line.split('\t');
    if (kind === 'C') changes.push({ at, change: { kind: 'file', inode: first, path: second } });
    else if (kind === 'M') changes.push({ at, change: { kind: 'folder', path: first } });
    else if (kind === 'U') changes.push({ at, change: { kind: 'gone', path: first } });
    else if (kind === 'R') changes.push({ at, change: { kind: 'rename', inode: first, from: second, path: third } });
    else if (kind === 'W')
      overwrites.push({ at, id: first, inode: second, offset: Number(third), size: Number(fourth) });
    else if (kind === 'B') begun.set(first, { inode: second, size: Number(third), path: fourth, begin: at });
    else if (kind === 'E') {
      const sync = begun.get(first);
      if (!sync) throw new Error(`a sync ended that never began: ${line}`);
      if ((synced.get(sync.inode)?.begin ?? -1) < sync.begin) synced.set(sync.inode, sync);
      folders.set(sync.path, Math.max(folders.get(sync.path) ?? -1, sync.begin));
    } else if (line !== '') throw new Error(`not a line of the shim: ${line}`);
  }
  const isDurable = (at: number, path: string): boolean => at < (folders.get(dirname(path)) ?? -1);
  return {
    changes: changes.map(({ at, change }) => ({ change, isDurable: isDurable(at, change.path) })),
    syncedSizes: new Map([...synced].map(([inode, { size }]) => [inode, size])),
    unsynced: overwrites.filter(({ at, inode }) => at > (synced.get(inode)?.begin ?? -1)),
  };
}
