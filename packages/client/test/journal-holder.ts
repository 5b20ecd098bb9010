import { isAppError } from '@lucid/common/errors';
import { Journal } from '../src/recorder/journal.ts';

/** Opens a journal once told to, says how that went, and holds it until its input ends. */
const [folder = ''] = process.argv.slice(2);
const input = process.stdin[Symbol.asyncIterator]();
process.stdout.write('ready\n');
await input.next();
try {
  await using _journal = await Journal.open(folder);
  process.stdout.write('open\n');
  await input.next();
} catch (error) {
  if (!isAppError(error)) throw error;
  process.stdout.write(`${error.code}\n`);
}
