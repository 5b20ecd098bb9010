import assert from 'node:assert/strict';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isAppError } from '@lucid/common/errors';
import { parseCheckpoint } from '@lucid/common/formats/checkpoint';
import { sha256 } from '@lucid/common/formats/sha256';
import { makeDurableFolder, syncFolder } from '@lucid/common/storage/durable-folder';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import type { PublishedStore } from '../domain/log-store.ts';
import { startError } from '../errors.ts';

const pageBytes = 4096;
/** Room for the log's signatures and those of 17 witnesses with ML-DSA-44 keys, or of 90 with Ed25519 ones. */
const slotBytes = 16 * pageBytes;
const digestBytes = 32;
const headBytes = digestBytes + 2;
/** Where a second slot was while slots had one page. */
const oldSlotAt = pageBytes;

/**
 * The last published checkpoint in a file of two slots that are written in turn: a crash in the middle of one leaves
 * the other, so a write costs a single sync and no rename. A slot is SHA-256(rest) ‖ uint16 size ‖ the signed note ‖
 * zeros to the end of a page; of two whole slots the one with the larger tree is the last, of the same tree the one with
 * more signatures. A write replaces only what this process knows to
 * be there, and only one process has it open: two that hold copies of one store can never both publish here. Throws
 * LEDGER_PUBLISHED_LOCKED.
 */
export async function openPublishedFile(path: string): Promise<PublishedStore> {
  await makeDurableFolder(dirname(path));
  await using stack = new AsyncDisposableStack();
  const lock = stack.use(await lockFile(path));
  // 'a+' would append whatever the position: the file is made first, then opened for reading and writing in place.
  await (await open(path, 'a', 0o600)).close();
  const file = stack.use(await open(path, 'r+'));
  // The file's name.
  await syncFolder(dirname(path));
  stack.move();
  return new PublishedFile(file, lock);
}

/**
 * Held by one process, and gone with it however that ends. Node has no file locks; LevelDB takes one on its folder, so
 * an empty store beside the file stands for it, on every system and between containers that share the folder.
 */
async function lockFile(path: string): Promise<KeyValueStore> {
  try {
    return await openLevelStore(`${path}.lock`, { writeBufferSize: 64 * 1024, cacheSize: 64 * 1024 });
  } catch (cause) {
    if (!isAppError(cause, 'STORE_LOCKED')) throw cause;
    throw startError('LEDGER_PUBLISHED_LOCKED', `Stop what has ${path} open first.`, cause);
  }
}

class PublishedFile implements PublishedStore {
  readonly #file: FileHandle;
  readonly #lock: KeyValueStore;
  #nextAt = 0;
  /** The digests that the slots hold as far as this process has read or written them. */
  #known: Buffer | undefined;

  constructor(file: FileHandle, lock: KeyValueStore) {
    this.#file = file;
    this.#lock = lock;
  }

  async read(): Promise<string | undefined> {
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(2 * slotBytes), 0, 2 * slotBytes, 0);
    this.#known = Buffer.concat([0, slotBytes].map((at) => buffer.subarray(at, at + digestBytes)));
    if (bytesRead === 0) return undefined;
    const slots = [0, oldSlotAt, slotBytes].flatMap((at) => parseSlot(buffer.subarray(at, bytesRead), at) ?? []);
    const last = slots.toSorted(byAge).at(-1);
    if (last === undefined) {
      // The first write of all was cut off, so nothing was ever shown; a file that had more is another matter.
      if (bytesRead <= pageBytes) return undefined;
      throw startError('LEDGER_PUBLISHED_DAMAGED', 'Restore it from a backup that is as new as the store.');
    }
    this.#nextAt = last.at === slotBytes ? 0 : slotBytes;
    return last.note;
  }

  async #readDigests(): Promise<Buffer> {
    const digests = Buffer.alloc(2 * digestBytes);
    await Promise.all(
      [0, 1].map((slot) => this.#file.read(digests, slot * digestBytes, digestBytes, slot * slotBytes)),
    );
    return digests;
  }

  async write(note: string): Promise<void> {
    const before = await this.#readDigests();
    if (this.#known && Buffer.compare(before, this.#known) !== 0) {
      throw startError('LEDGER_PUBLISHED_CHANGED', 'Let one ledger use it.');
    }
    const slot = encodeSlot(note);
    const at = this.#nextAt;
    before.set(slot.subarray(0, digestBytes), at === 0 ? 0 : digestBytes);
    this.#known = before;
    const { bytesWritten } = await this.#file.write(slot, 0, slot.length, at);
    // A disk that is full takes a part and calls it a success.
    assert.equal(bytesWritten, slot.length, 'a checkpoint is written whole');
    await this.#file.datasync();
    this.#nextAt = slotBytes - at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await this.#lock.close();
  }
}

type Slot = { readonly at: number; readonly note: string; readonly treeSize: number };

function byAge(left: Slot, right: Slot): number {
  return left.treeSize - right.treeSize || left.note.length - right.note.length;
}

/** Whole pages that hold a note of `size` bytes. */
function slotSizeOf(size: number): number {
  return Math.ceil((headBytes + size) / pageBytes) * pageBytes;
}

function encodeSlot(note: string): Buffer {
  const size = Buffer.byteLength(note);
  if (slotSizeOf(size) > slotBytes) throw new RangeError('a checkpoint fits into its slot');
  const slot = Buffer.alloc(slotSizeOf(size));
  slot.writeUInt16BE(size, digestBytes);
  slot.write(note, headBytes);
  slot.set(sha256(slot.subarray(digestBytes)));
  return slot;
}

/** What `bytes`, from place `at` of the file on, begin with; undefined for a slot that is empty or not written whole. */
function parseSlot(bytes: Buffer, at: number): Slot | undefined {
  if (bytes.length < pageBytes) return undefined;
  const size = bytes.readUInt16BE(digestBytes);
  const slot = bytes.subarray(0, slotSizeOf(size));
  if (Buffer.compare(sha256(slot.subarray(digestBytes)), slot.subarray(0, digestBytes)) !== 0) return undefined;
  const note = slot.subarray(headBytes, headBytes + size).toString('utf8');
  return { at, note, treeSize: parseCheckpoint(note).treeSize };
}
