import { chmod, chown, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Finding } from '../../src/doctor/finding.ts';
import { checkFolders } from '../../src/doctor/folders.ts';
import { ensureHostRoot } from '../../src/setup/host-root.ts';

let root: string;
beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'lucid-folders-')), 'Lucid');
  await ensureHostRoot(root);
});

function find(id: string): Finding | undefined {
  return checkFolders(root).find((finding) => finding.id === id);
}

test('all is well right after a setup, but for the owner where another made it', async () => {
  expect(find('folder-modes')).toMatchObject({ severity: 'ok' });
  expect(find('secrets')).toMatchObject({ severity: 'ok', found: expect.stringMatching(/^\d+ files/) as string });
  expect(find('keys-backup')).toMatchObject({ severity: 'info', fix: expect.stringContaining('age') as string });
  const isServices = process.geteuid?.() === 1000;
  expect(find('folder-owners')).toMatchObject(
    isServices ? { severity: 'ok' } : { severity: 'fail', fix: `sudo chown -R 1000:1000 ${root}` },
  );
});

test.runIf(process.geteuid?.() === 0)('all belongs to the services’ user once it is given to it', async () => {
  const names = ['', ...(await readdir(root, { recursive: true }))];
  for (const name of names) await chown(join(root, name), 1000, 1000);
  expect(find('folder-owners')).toMatchObject({ severity: 'ok' });
});

test('what others may read is named', async () => {
  await chmod(join(root, 'secrets/vm/genesis.json'), 0o644);
  await chmod(join(root, 'data/api'), 0o755);
  expect(find('folder-modes')).toMatchObject({
    severity: 'fail',
    found: 'Open to others: secrets/vm/genesis.json, data/api.',
    fix: `sudo chmod -R go= ${root}/keys ${root}/secrets ${root}/data`,
  });
});

test('a root in which others may put folders of their own is told, one they may look into is not', async () => {
  await chmod(root, 0o755);
  expect(find('folder-modes')).toMatchObject({ severity: 'ok' });
  await chmod(root, 0o777);
  expect(find('folder-modes')).toMatchObject({
    severity: 'fail',
    found: `Others may write in ${root}, and so put other keys in place of these.`,
    fix: `sudo chmod go-w ${root}`,
  });
});

test('a link is no folder', async () => {
  await rename(join(root, 'data/api'), join(root, 'elsewhere'));
  await symlink('../elsewhere', join(root, 'data/api'));
  expect(find('folder-modes')).toMatchObject({ severity: 'fail', found: 'Symbolic links: data/api.' });
});

describe('secrets', () => {
  test('that are missing are named, folders too', async () => {
    await rm(join(root, 'secrets/ledger'), { recursive: true });
    await rm(join(root, 'data/vm'), { recursive: true });
    expect(find('secrets')).toMatchObject({
      severity: 'fail',
      found: 'Missing: secrets/ledger/service.key, secrets/ledger/ledger.key, data/vm.',
      fix: `lucid setup --root ${root}`,
    });
  });

  test('that differ from the key are named', async () => {
    await writeFile(join(root, 'secrets/governance/relayer.key'), 'another');
    expect(find('secrets')).toMatchObject({
      severity: 'fail',
      found: 'Not the same as in keys: secrets/governance/relayer.key.',
    });
  });

  test('that a service is not to have are named', async () => {
    await writeFile(join(root, 'secrets/gateway/ledger.key'), 'x', { mode: 0o600 });
    expect(find('secrets')).toMatchObject({ severity: 'warn', fix: `rm ${root}/secrets/gateway/ledger.key` });
  });
});
