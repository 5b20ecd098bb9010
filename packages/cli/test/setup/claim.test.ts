import { chown, mkdir, mkdtemp, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { claimFolder } from '../../src/setup/claim.ts';

const isRoot = process.geteuid?.() === 0;
/** The user that is to own the folder: another where this test may give folders away. */
const owner = isRoot ? { uid: 1000, gid: 1000 } : { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

let parent: string;
let folder: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'lucid-claim-'));
  folder = join(parent, 'Lucid');
  await mkdir(folder);
});

async function ownerOf(path: string): Promise<number> {
  return (await stat(path)).uid;
}

test('gives the folder and nothing in or above it, once', async () => {
  // A new file system's own folder, and what was restored from a backup.
  for (const name of ['lost+found', 'keys']) await mkdir(join(folder, name));
  const [ofKeys, ofParent] = [await ownerOf(join(folder, 'keys')), await ownerOf(parent)];
  expect(await claimFolder(`${folder}/`, owner)).toBe(isRoot ? 'claimed' : 'already owned');
  expect(await claimFolder(folder, owner)).toBe('already owned');
  expect(await ownerOf(folder)).toBe(owner.uid);
  expect([await ownerOf(join(folder, 'keys')), await ownerOf(parent)]).toEqual([ofKeys, ofParent]);
});

describe('refuses', () => {
  test.each(['link', 'link/'])('a symbolic link, written %s', async (name) => {
    await symlink('Lucid', join(parent, 'link'));
    const before = await ownerOf(folder);
    await expect(claimFolder(`${parent}/${name}`, owner)).rejects.toMatchObject({
      code: 'CLAIM_REFUSED',
      message: expect.stringContaining('symbolic link') as string,
    });
    expect(await ownerOf(folder)).toBe(before);
  });

  test('a file, and what is not there', async () => {
    await writeFile(join(parent, 'file'), '');
    await expect(claimFolder(join(parent, 'file'), owner)).rejects.toMatchObject({ code: 'CLAIM_REFUSED' });
    await expect(claimFolder(join(parent, 'missing'), owner)).rejects.toMatchObject({
      message: expect.stringContaining('There is no folder') as string,
    });
  });

  test.runIf(isRoot)('a folder of root’s that holds anything else, as / and /etc do', async () => {
    await mkdir(join(folder, 'keys'));
    await writeFile(join(folder, 'passwd'), '');
    await expect(claimFolder(folder, owner)).rejects.toMatchObject({
      code: 'CLAIM_REFUSED',
      message: expect.stringContaining('passwd') as string,
    });
    expect(await ownerOf(folder)).toBe(0);
  });

  test('another user’s folder that holds something; empty, it is taken', async () => {
    // Without root's powers the folder is this user's, and to be given to one it cannot be given to.
    if (isRoot) await chown(folder, 4242, 4242);
    const other = isRoot ? owner : { uid: 4242, gid: 4242 };
    await writeFile(join(folder, 'file'), '');
    await expect(claimFolder(folder, other)).rejects.toMatchObject({
      code: 'CLAIM_REFUSED',
      message: expect.stringContaining('chown -R') as string,
    });
  });
});
