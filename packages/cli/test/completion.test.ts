import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createLucid } from './support/run-lucid.ts';

let lucid: Awaited<ReturnType<typeof createLucid>>;
beforeAll(async () => {
  lucid = await createLucid();
});

describe('bash', () => {
  let script: string;
  beforeAll(async () => {
    script = join(lucid.folder, 'completion.bash');
    await writeFile(script, (await lucid.lucid(['completion', 'bash'])).stdout);
  });

  /** What a real bash offers for a line whose last word is not finished. */
  function offered(...words: readonly string[]): string[] {
    const code = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _lucid; printf "%s\\n" "${COMPREPLY[@]}"';
    return execFileSync('bash', ['-c', code, script, 'lucid', ...words], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean);
  }

  test.each([
    [['ses'], ['session']],
    [['session', 'rec'], ['record']],
    [['--json', 'session', 'rec'], ['record']],
    [['session', 'record', '--resu'], ['--resume']],
    [['session', 'record', 'a-file', '--js'], ['--json']],
    [
      ['doctor', '--profile', ''],
      ['pi', 'dev', 'ci'],
    ],
    [['doctor', '--pre'], ['--preflight']],
    [['session', 'record', 'README'], []],
  ])('%j: %j', (words, expected) => {
    expect(offered(...words)).toEqual(expected);
  });
});

test.each(['bash', 'zsh', 'fish'])('%s is told every command and its options', async (shell) => {
  const { exitCode, stdout } = await lucid.lucid(['completion', shell]);
  expect(exitCode).toBe(0);
  for (const word of ['session', 'record', '--resume', 'doctor', '--preflight', 'setup', '--claim', 'completion']) {
    expect(stdout).toMatch(new RegExp(`[ "']${word}[ "']`));
  }
});

test('another shell is not understood', async () => {
  expect(await lucid.lucid(['completion', 'csh'])).toMatchObject({ exitCode: 2, stdout: '' });
});
