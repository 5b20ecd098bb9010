import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const file = fileURLToPath(new URL('../../src/runtime/idle-memory.ts', import.meta.url));

test('what starting left behind is collected, by a timer that keeps no process alive', async () => {
  // The garbage is reachable only weakly; nothing else makes the heap grow, so nothing else would collect it.
  const program = `
    import { collectAfterStart } from ${JSON.stringify(file)};
    const left = new WeakRef({ size: 1 });
    collectAfterStart(1);
    let looks = 0;
    const look = () => {
      if (left.deref() === undefined) console.log('collected');
      else if (++looks < 400) setTimeout(look, 5);
    };
    setTimeout(look, 5);
  `;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  expect(stdout).toBe('collected\n');
  const { stdout: nothing } = await run(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { collectAfterStart } from ${JSON.stringify(file)}; collectAfterStart(3_600_000);`,
  ]);
  expect(nothing).toBe('');
});
