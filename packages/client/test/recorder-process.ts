import { createLucidClient } from '../src/lucid-client.ts';
import { Journal } from '../src/recorder/journal.ts';
import { recordStream } from '../src/recorder/record.ts';
import { sourceFrom } from './recorded-source.ts';

/** A recorder to be killed: resumes its journal, records to the end of its source, says how far it is. */
const [folder = '', url = '', token = '', size = ''] = process.argv.slice(2);
const { sessions } = createLucidClient({ gatewayUrl: url, urls: { sessions: url }, token: () => token });
await using journal = await Journal.open(folder);
process.stdout.write('open\n');
await recordStream(sourceFrom(journal.plainBytes, Number(size)), {
  sessions,
  journal,
  chunkBytes: 64 * 1024,
  uploadsMax: 3,
  onProgress: ({ chunkCount, acknowledgedCount }) => process.stdout.write(`${chunkCount} ${acknowledgedCount}\n`),
});
process.stdout.write('done\n');
