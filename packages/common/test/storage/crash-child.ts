// A writer that is killed by its test: 64 callers append numbered records, each acknowledged on standard output.
import { writeSync } from 'node:fs';
import { GroupCommit } from '../../src/storage/group-commit.ts';
import { openLevelStore } from '../../src/storage/level-store.ts';
import { parseUint64be, uint64be } from '../../src/storage/prefix.ts';

const [, , folder = '', writeBufferSize = 4 * 1024 * 1024] = process.argv;
const store = await openLevelStore(folder, { writeBufferSize: Number(writeBufferSize) });
const commit = new GroupCommit(store);
const head = Buffer.from('head');

async function append(): Promise<void> {
  for (;;) {
    const index = await commit.run((transaction) => {
      const found = transaction.find(head);
      const next = found ? parseUint64be(found) : 0;
      transaction.put(uint64be(next), uint64be(next));
      transaction.put(head, uint64be(next + 1));
      return next;
    });
    writeSync(1, `${index}\n`);
  }
}

await Promise.all(Array.from({ length: 64 }, append));
