import { readFile } from 'node:fs/promises';
import { parseCheckpoint } from '@lucid/common/formats/checkpoint';
import { restoreLog } from '../../src/offline/restore-log.ts';
import { largeBundles } from './large-bundles.ts';

/** A restore to be killed: says before each bundle that it is there, and what it ended with. */
const [dataDir = '', noteFile = ''] = process.argv.slice(2);
const note = await readFile(noteFile, 'utf8');
const { treeSize } = parseCheckpoint(note);
const bundles = async function* () {
  for await (const bundle of largeBundles(treeSize)) {
    process.stdout.write('bundle\n');
    yield bundle;
  }
};
await restoreLog({ folders: { dataDir, logName: 'lucid' }, note, bundles, adopt: true });
process.stdout.write('done\n');
