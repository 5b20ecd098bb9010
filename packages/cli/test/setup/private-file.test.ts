import { execFile } from 'node:child_process';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const source = fileURLToPath(new URL('../../src/setup/private-file.ts', import.meta.url));

test('a file that cannot be written to its end leaves nothing of the secret', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-private-'));
  const program = `
    import { createPrivateFile } from ${JSON.stringify(source)};
    const error = await createPrivateFile(${JSON.stringify(join(folder, 'key'))}, 'x'.repeat(100_000)).catch((error) => error);
    console.log(error.code);`;
  // A process whose files may have 1 KiB, as on a disk that is full.
  const limited = 'trap "" XFSZ; ulimit -f 1; exec "$0" --conditions=source --input-type=module -e "$1"';
  const { stdout } = await promisify(execFile)('bash', ['-c', limited, process.execPath, program]);
  expect(stdout.trim()).toBe('EFBIG');
  expect(await readdir(folder)).toEqual([]);
});
