import { type FileHandle, link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DiskJournal, type NameChange, type Overwrite, parseDiskJournal } from './disk-journal.ts';
import { diskShimEnvironment } from './disk-shim.ts';
import type { Random } from './random.ts';

/**
 * What a disk without power may have kept of what no sync had made durable:
 * - `sizes`: every name, but of each file only what was synced;
 * - `strict`: also no name, rename or removal whose folder was not synced since;
 * - `mixed`: a random part: the first of a folder's changes, in order, and any sectors of a file.
 */
export type CutModel = 'sizes' | 'strict' | 'mixed';

export const cutModels: readonly CutModel[] = ['sizes', 'strict', 'mixed'];

/** What a cut took: bytes of files, and names made, changed or removed. */
export type CutLoss = { readonly bytes: number; readonly names: number };

/** A folder's names: the file behind each, or undefined for a folder. */
type Names = Map<string, string | undefined>;
type Known = { readonly names: Names; readonly sizes: ReadonlyMap<string, number> };

const sectorBytes = 512;
const journalName = 'journal';

/**
 * A folder whose disk can lose power. Start a program with `environment`, kill it (SIGKILL), then `cut`: the folder is
 * made what the disk would hold. What is in the folder when this is made, and after each cut, is durable.
 */
export class PowerCutDisk implements AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>;
  readonly #root: string;
  readonly #notes: string;
  #known: Known;

  private constructor(root: string, notes: string, environment: Record<string, string>, known: Known) {
    this.#root = root;
    this.#notes = notes;
    this.environment = environment;
    this.#known = known;
  }

  /** `root` must exist; the shim's notes are kept in a folder beside it. */
  static async create(root: string): Promise<PowerCutDisk> {
    const notes = `${root}.shim`;
    await mkdir(notes);
    const record = { root, journal: join(notes, journalName), graves: notes };
    return new PowerCutDisk(root, notes, await diskShimEnvironment({ record }), await scan(root));
  }

  async cut(model: CutModel, random: Random): Promise<CutLoss> {
    const journal = parseDiskJournal(await readFile(join(this.#notes, journalName), 'utf8').catch(() => ''));
    const now = await scan(this.#root);
    for (const [path, inode] of now.names) {
      if (inode !== undefined) await link(path, this.#graveOf(inode)).catch(ignoreExisting);
    }
    const names = model === 'sizes' ? now.names : replay(this.#known.names, keptChanges(journal, model, random));
    let bytes = 0;
    for (const inode of new Set(names.values())) {
      if (inode !== undefined) bytes += await this.#cutFile(inode, journal, model === 'mixed' ? random : undefined);
    }
    await this.#rename(names);
    await this.settle();
    const lost = [...new Set([...names.keys(), ...now.names.keys()])];
    return { bytes, names: lost.filter((path) => names.get(path) !== now.names.get(path)).length };
  }

  /** Takes what is in the folder for durable: after something wrote to it that the shim did not see. */
  async settle(): Promise<void> {
    await rm(this.#notes, { recursive: true });
    await mkdir(this.#notes);
    this.#known = await scan(this.#root);
  }

  #graveOf(inode: string): string {
    return join(this.#notes, `ino-${inode}`);
  }

  /** Takes back what was not synced, or with `random` a part of it; answers how many bytes that is. */
  async #cutFile(inode: string, journal: DiskJournal, random: Random | undefined): Promise<number> {
    const file = await open(this.#graveOf(inode), 'r+');
    try {
      let bytes = 0;
      for (const overwrite of journal.unsynced.filter((one) => one.inode === inode).toReversed()) {
        bytes += await this.#takeBack(file, overwrite, random);
      }
      const durable = journal.syncedSizes.get(inode) ?? this.#known.sizes.get(inode) ?? 0;
      return bytes + (await cutTail(file, durable, random));
    } finally {
      await file.close();
    }
  }

  async #takeBack(file: FileHandle, { id, offset, size }: Overwrite, random: Random | undefined): Promise<number> {
    const old = await readFile(join(this.#notes, id));
    let bytes = 0;
    for (let from = 0; from < size; from += sectorBytes - ((offset + from) % sectorBytes)) {
      if (random && random(2) === 0) continue;
      const part = old.subarray(from, from + sectorBytes - ((offset + from) % sectorBytes));
      await file.write(part, 0, part.length, offset + from);
      bytes += part.length;
    }
    return bytes;
  }

  async #rename(names: Names): Promise<void> {
    for (const name of await readdir(this.#root)) await rm(join(this.#root, name), { recursive: true });
    const made = new Set([this.#root]);
    for (const [path, inode] of [...names].toSorted(([a], [b]) => a.length - b.length)) {
      // What is in a folder whose own name was lost is lost with it.
      if (!made.has(dirname(path))) continue;
      if (inode !== undefined) await link(this.#graveOf(inode), path);
      else {
        await mkdir(path, { mode: 0o700 });
        made.add(path);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#notes, { recursive: true });
  }
}

async function scan(root: string): Promise<Known> {
  const names: Names = new Map();
  const sizes = new Map<string, number>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) names.set(path, undefined);
    else {
      const { ino, size } = await stat(path);
      names.set(path, String(ino));
      sizes.set(String(ino), size);
    }
  }
  return { names, sizes };
}

/** `strict` keeps what is durable; `mixed` also the first changes of each folder after it, in their order. */
function keptChanges(journal: DiskJournal, model: CutModel, random: Random): NameChange[] {
  const left = new Map<string, number>();
  const kept: NameChange[] = [];
  for (const { change, isDurable } of journal.changes) {
    const folder = dirname(change.path);
    if (!isDurable) {
      const room = left.get(folder) ?? (model === 'mixed' ? random(8) : 0);
      left.set(folder, room - 1);
      if (room <= 0) continue;
    }
    kept.push(change);
  }
  return kept;
}

function replay(before: Names, changes: readonly NameChange[]): Names {
  const names = new Map(before);
  for (const change of changes) {
    if (change.kind === 'file') names.set(change.path, change.inode);
    else if (change.kind === 'folder') names.set(change.path, undefined);
    else if (change.kind === 'gone') names.delete(change.path);
    else rename(names, change);
  }
  return names;
}

function rename(names: Names, { inode, from, path }: Extract<NameChange, { kind: 'rename' }>): void {
  const isFolder = names.has(from) && names.get(from) === undefined;
  names.delete(from);
  names.set(path, isFolder ? undefined : inode);
  if (!isFolder) return;
  const within = [...names].filter(([name]) => name.startsWith(`${from}/`));
  for (const [name, behind] of within) {
    names.delete(name);
    names.set(path + name.slice(from.length), behind);
  }
}

/** Cuts what a file grew by since its last sync: all of it, or with `random` from anywhere on, with holes before. */
async function cutTail(file: FileHandle, durable: number, random: Random | undefined): Promise<number> {
  const { size } = await file.stat();
  if (size <= durable) return 0;
  if (!random) {
    await file.truncate(durable);
    return size - durable;
  }
  const kept = durable + random(size - durable + 1);
  await file.truncate(kept);
  const hole = Buffer.alloc(sectorBytes);
  for (let at = durable; at < kept; at += sectorBytes - (at % sectorBytes)) {
    if (random(8) > 0) continue;
    await file.write(hole, 0, Math.min(kept - at, sectorBytes - (at % sectorBytes)), at);
  }
  return size - kept;
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}
