import assert from 'node:assert/strict';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isAppError } from '@lucid/common/errors';
import { parseCheckpoint } from '@lucid/common/formats/checkpoint';
import { sha256 } from '@lucid/common/formats/sha256';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import type { PublishedStore } from '../domain/log-store.ts';
import { startError } from '../errors.ts';

/** One page each, so that a torn write of one slot cannot touch the other. */
const slotBytes = 4096;
const digestBytes = 32;

/**
 * The last published checkpoint in a file of two slots that are written in turn: a crash in the middle of one leaves
 * the other, so a write costs a single sync and no rename. A slot is SHA-256(rest) ‖ uint16 size ‖ the signed note ‖
 * zeros; of two whole slots the one with the larger tree is the last. A write replaces only what this process knows to
 * be there, and only one process has it open: two that hold copies of one store can never both publish here. Throws
 * LEDGER_PUBLISHED_LOCKED.
 */
export async function openPublishedFile(path: string): Promise<PublishedStore> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await using stack = new AsyncDisposableStack();
  const lock = stack.use(await lockFile(path));
  // 'a+' would append whatever the position: the file is made first, then opened for reading and writing in place.
  await (await open(path, 'a', 0o600)).close();
  const file = stack.use(await open(path, 'r+'));
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

/** Makes the file's name durable. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

class PublishedFile implements PublishedStore {
  readonly #file: FileHandle;
  readonly #lock: KeyValueStore;
  #nextSlot = 0;
  /** What the file holds as far as this process has read or written it. */
  #known: Buffer | undefined;

  constructor(file: FileHandle, lock: KeyValueStore) {
    this.#file = file;
    this.#lock = lock;
  }

  async #readSlots(): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(2 * slotBytes), 0, 2 * slotBytes, 0);
    return buffer.subarray(0, bytesRead);
  }

  async read(): Promise<string | undefined> {
    const buffer = (this.#known = await this.#readSlots());
    const bytesRead = buffer.length;
    if (bytesRead === 0) return undefined;
    const slots = [0, 1].map((slot) => parseSlot(buffer.subarray(slot * slotBytes, (slot + 1) * slotBytes)));
    const sizes = slots.map((note) => (note === undefined ? -1 : parseCheckpoint(note).treeSize));
    const [first = -1, second = -1] = sizes;
    const last = second > first ? 1 : 0;
    if (Math.max(first, second) < 0) {
      // The first write of all was cut off, so nothing was ever shown; a file that had both slots is another matter.
      if (bytesRead <= slotBytes) return undefined;
      throw startError('LEDGER_PUBLISHED_DAMAGED', 'Restore it from a backup that is as new as the store.');
    }
    this.#nextSlot = 1 - last;
    return slots[last];
  }

  async write(note: string): Promise<void> {
    const before = await this.#readSlots();
    if (this.#known && Buffer.compare(before, this.#known) !== 0) {
      throw startError('LEDGER_PUBLISHED_CHANGED', 'Let one ledger use it.');
    }
    const slot = encodeSlot(note);
    const at = this.#nextSlot * slotBytes;
    this.#known = Buffer.alloc(Math.max(before.length, at + slotBytes));
    this.#known.set(before);
    this.#known.set(slot, at);
    const { bytesWritten } = await this.#file.write(slot, 0, slotBytes, at);
    // A disk that is full takes a part and calls it a success.
    assert.equal(bytesWritten, slotBytes, 'a checkpoint is written whole');
    await this.#file.datasync();
    this.#nextSlot = 1 - this.#nextSlot;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await this.#lock.close();
  }
}

function encodeSlot(note: string): Buffer {
  const slot = Buffer.alloc(slotBytes);
  const size = Buffer.byteLength(note);
  if (size > slotBytes - digestBytes - 2) throw new RangeError('a checkpoint fits into its slot');
  slot.writeUInt16BE(size, digestBytes);
  slot.write(note, digestBytes + 2);
  slot.set(sha256(slot.subarray(digestBytes)));
  return slot;
}

/** The note of a slot; undefined for one that is empty or was not written whole. */
function parseSlot(slot: Buffer): string | undefined {
  if (Buffer.compare(sha256(slot.subarray(digestBytes)), slot.subarray(0, digestBytes)) !== 0) return undefined;
  const size = slot.readUInt16BE(digestBytes);
  return slot.subarray(digestBytes + 2, digestBytes + 2 + size).toString('utf8');
}
