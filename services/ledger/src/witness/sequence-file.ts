import assert from 'node:assert/strict';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sha256 } from '@lucid/common/formats/sha256';
import { makeDurableFolder, syncFolder } from '@lucid/common/storage/durable-folder';

/** What a store must have reached: which store it is, and how many changes it had made when one was answered. */
export type StoreMark = { readonly storeId: string; readonly sequence: number };

/** One page each, so that a torn write of one slot cannot touch the other. */
const slotBytes = 4096;
/** SHA-256(storeId ‖ sequence) ‖ 16 bytes of storeId ‖ sequence as uint64. */
const markBytes = 32 + 16 + 8;

/**
 * The mark of a store, kept outside of it, so that an older copy put in its place is noticed. Two slots are written in
 * turn, a sync each; of two whole ones the one with the larger sequence counts.
 */
export class SequenceFile implements AsyncDisposable {
  readonly #file: FileHandle;
  #mark: StoreMark | undefined;
  #nextSlot = 0;
  #writing: Promise<void> | undefined;
  #wanted = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<SequenceFile> {
    await makeDurableFolder(dirname(path));
    await (await open(path, 'a', 0o600)).close();
    const sequenceFile = new SequenceFile(await open(path, 'r+'));
    await syncFolder(dirname(path));
    await sequenceFile.#read();
    return sequenceFile;
  }

  /** Undefined when nothing was ever written, or neither slot is whole. */
  get mark(): StoreMark | undefined {
    return this.#mark;
  }

  async #read(): Promise<void> {
    for (const slot of [0, 1]) {
      const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(markBytes), 0, markBytes, slot * slotBytes);
      const mark = bytesRead === markBytes ? decodeMark(buffer) : undefined;
      if (!mark || (this.#mark && this.#mark.sequence >= mark.sequence)) continue;
      this.#mark = mark;
      this.#nextSlot = 1 - slot;
    }
  }

  /** Resolves once the file says at least `mark`; several that wait share a sync. */
  async raise(mark: StoreMark): Promise<void> {
    this.#wanted = Math.max(this.#wanted, mark.sequence);
    while (this.#mark?.storeId !== mark.storeId || this.#mark.sequence < mark.sequence) {
      this.#writing ??= this.#write({ storeId: mark.storeId, sequence: this.#wanted }).finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
  }

  async #write(mark: StoreMark): Promise<void> {
    const bytes = encodeMark(mark);
    await this.#file.write(bytes, 0, bytes.length, this.#nextSlot * slotBytes);
    await this.#file.datasync();
    this.#mark = mark;
    this.#nextSlot = 1 - this.#nextSlot;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing?.catch(() => undefined);
    await this.#file.close();
  }
}

function encodeMark({ storeId, sequence }: StoreMark): Buffer {
  const bytes = Buffer.alloc(markBytes);
  assert.equal(bytes.write(storeId, 32, 'hex'), 16, 'a store id is 16 bytes');
  bytes.writeBigUInt64BE(BigInt(sequence), 48);
  bytes.set(sha256(bytes.subarray(32)));
  return bytes;
}

function decodeMark(bytes: Buffer): StoreMark | undefined {
  if (Buffer.compare(sha256(bytes.subarray(32)), bytes.subarray(0, 32)) !== 0) return undefined;
  return { storeId: bytes.toString('hex', 32, 48), sequence: Number(bytes.readBigUInt64BE(48)) };
}
