import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkFolders } from '../../src/doctor/folders.ts';
import { listSecretCopies } from '../../src/setup/host-layout.ts';
import { ensureHostRoot } from '../../src/setup/host-root.ts';

let root: string;
beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'lucid-root-')), 'Lucid');
});

/** Every file under the root with its content. */
async function snapshot(folder = root): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = files.map(async (path) => [path.slice(folder.length + 1), await readFile(path, 'utf8')] as const);
  return Object.fromEntries(await Promise.all(contents));
}

describe('the first time', () => {
  test('makes keys, copies and data folders, for the owner only', async () => {
    const { created, keys } = await ensureHostRoot(root, { profile: 'dev', chainId: 7 });
    expect(keys.genesis.chainId).toBe(7);
    expect(created).toEqual(
      expect.arrayContaining(['keys/', 'keys/ledger.key', 'secrets/vm/genesis.json', 'data/api/']),
    );
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
    }
    const files = await snapshot();
    for (const { holder, file } of listSecretCopies()) {
      expect(files[`secrets/${holder}/${file}`]).toBe(files[`keys/${file}`]);
    }
    expect(Object.keys(files).filter((name) => name.startsWith('secrets/'))).toHaveLength(listSecretCopies().length);
    expect(Object.keys(files).filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  test('two at once agree', async () => {
    const [one, two] = await Promise.all([ensureHostRoot(root), ensureHostRoot(root)]);
    expect(one.keys.addresses).toEqual(two.keys.addresses);
    const all = [...one.created, ...two.created].filter((name) => !name.endsWith('/'));
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('further logs', () => {
  const copies = ['ledger', 'platform', 'standalone-blockchain-api'].map(
    (holder) => `secrets/${holder}/ledger-audit.key`,
  );

  test('have a key each, copied to whoever opens logs, and kept when the log is not named again', async () => {
    const { created } = await ensureHostRoot(root, { logs: ['audit'] });
    expect(created).toEqual(expect.arrayContaining(['keys/ledger-audit.key', ...copies]));
    const before = await snapshot();
    for (const copy of copies) expect(before[copy]).toBe(before['keys/ledger-audit.key']);
    expect(before['keys/ledger-audit.key']).not.toBe(before['keys/ledger.key']);
    expect((await ensureHostRoot(root)).created).toEqual([]);
    expect((await ensureHostRoot(root, { logs: ['audit', 'b'] })).created).toContain('keys/ledger-b.key');
    expect(await snapshot()).toMatchObject(before);
  });

  test('a key that is gone while its copy is there was lost, and is not made anew', async () => {
    await ensureHostRoot(root, { logs: ['audit'] });
    await rm(join(root, 'keys/ledger-audit.key'));
    await expect(ensureHostRoot(root, { logs: ['audit'] })).rejects.toMatchObject({ code: 'KEY_LOST' });
  });

  test('doctor takes their keys for what they are', async () => {
    await ensureHostRoot(root, { logs: ['audit'] });
    const secrets = () => checkFolders(root).find(({ id }) => id === 'secrets');
    expect(secrets()).toMatchObject({ severity: 'ok' });
    await rm(join(root, 'secrets/platform/ledger-audit.key'));
    expect(secrets()).toMatchObject({ found: 'Missing: secrets/platform/ledger-audit.key.' });
  });
});

describe('the next time', () => {
  test('keeps everything to the byte', async () => {
    await ensureHostRoot(root);
    const before = await snapshot();
    expect((await ensureHostRoot(root, { profile: 'dev', chainId: 9 })).created).toEqual([]);
    expect(await snapshot()).toEqual(before);
  });

  test('completes what a crash left out, whichever file or folder that is', async () => {
    await ensureHostRoot(root);
    const whole = await snapshot();
    // Later steps are missing: nothing from here on was made.
    const order = Object.keys(whole).filter((name) => name.startsWith('secrets/'));
    for (const name of order) {
      await rm(join(root, name));
      expect((await ensureHostRoot(root)).created).toEqual([name]);
    }
    await rm(join(root, 'secrets'), { recursive: true });
    await rm(join(root, 'data', 'vm'), { recursive: true });
    await ensureHostRoot(root);
    expect(await snapshot()).toEqual(whole);
    expect((await stat(join(root, 'data/vm'))).isDirectory()).toBe(true);
  });

  test('makes missing keys where nothing was made with them yet', async () => {
    await mkdir(join(root, 'data/ledger'), { recursive: true, mode: 0o700 });
    const { created } = await ensureHostRoot(root);
    expect(created).toContain('keys/ledger.key');
  });

  test('removes what a killed writer left, once it is old', async () => {
    await ensureHostRoot(root);
    const [old, fresh] = ['.00112233445566ff.tmp', '.aabbccddeeff0011.tmp'].map((name) => join(root, 'keys', name));
    await writeFile(old ?? '', 'secret', { mode: 0o600 });
    await writeFile(fresh ?? '', 'secret', { mode: 0o600 });
    await utimes(old ?? '', new Date(0), new Date(0));
    await ensureHostRoot(root);
    expect((await readdir(join(root, 'keys'))).filter((name) => name.endsWith('.tmp'))).toEqual([
      '.aabbccddeeff0011.tmp',
    ]);
  });
});

describe('refuses, saying what to do and changing nothing', () => {
  test('a copy that is not the key', async () => {
    await ensureHostRoot(root);
    await writeFile(join(root, 'secrets/ledger/ledger.key'), 'another');
    const before = await snapshot();
    await expect(ensureHostRoot(root)).rejects.toMatchObject({
      code: 'SECRET_COPY_DIFFERS',
      message: expect.stringMatching(
        /secrets\/ledger\/ledger\.key is not the same as .*keys\/ledger\.key.*cp -p/,
      ) as string,
    });
    expect(await snapshot()).toEqual(before);
  });

  test('a lost key whose copy is there', async () => {
    await ensureHostRoot(root);
    await rm(join(root, 'keys'), { recursive: true });
    const before = await snapshot();
    await expect(ensureHostRoot(root)).rejects.toMatchObject({ code: 'KEY_LOST' });
    expect(await snapshot()).toEqual(before);
  });

  test.each(['ledger', 'vm', 'tunnel-tools', 'standalone-blockchain-api'])(
    'a lost key whose data is there: %s',
    async (name) => {
      await mkdir(join(root, 'data', name, 'store'), { recursive: true, mode: 0o700 });
      await expect(ensureHostRoot(root)).rejects.toMatchObject({
        code: 'KEY_LOST',
        message: expect.stringContaining('Restore the key folder from a backup') as string,
      });
      expect(await readdir(root)).toEqual(['data']);
    },
  );

  test.each([
    ['tunnels.key', 'short'],
    ['mongo.key', 'not base 64 at all!'],
    ['redis.acl', 'user default on nopass ~* +@all\n'],
  ])('a damaged %s', async (file, text) => {
    await ensureHostRoot(root);
    await cp(join(root, 'keys', file), join(root, 'saved'));
    await writeFile(join(root, 'keys', file), text);
    await expect(ensureHostRoot(root)).rejects.toMatchObject({
      code: 'KEY_FILE_INVALID',
      message: expect.stringContaining(file) as string,
    });
  });
});
