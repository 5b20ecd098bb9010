import { chmod, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseServiceKey } from '@lucid/common/http/tokens';
import { verifyGenesisConfig } from '@lucid/contracts/genesis-config';
import { beforeEach, describe, expect, test } from 'vitest';
import { ensurePlatformKeys, readWalletKey } from '../../src/setup/keys.ts';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'lucid-keys-')), 'keys');
});

describe('the first time', () => {
  test('makes every key and the genesis, for the owner only', async () => {
    const keys = await ensurePlatformKeys(folder, { profile: 'dev' });
    expect(keys.created.toSorted()).toEqual([
      'anchorer.key',
      'api-signing.key',
      'genesis.json',
      'ledger.key',
      'member.key',
      'relayer.key',
      'service.key',
    ]);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const path of Object.values(keys.files)) expect((await stat(path)).mode & 0o777).toBe(0o600);
    for (const path of [keys.files.serviceKey, keys.files.apiSigningKey, keys.files.ledgerKey]) {
      parseServiceKey(await readFile(path, 'utf8'));
    }
    verifyGenesisConfig(keys.genesis);
    expect(keys.genesis).toMatchObject({
      chainId: 20_251,
      anchorers: [keys.addresses.anchorer],
      members: [{ address: keys.addresses.member, seats: 1 }],
      guardian: keys.addresses.member,
      votingDelaySec: 1,
      votingPeriodSec: 20,
      timelockDelaySec: 2,
      lateQuorumExtensionSec: 5,
    });
  });

  test('the production profile leaves days to vote', async () => {
    const { genesis } = await ensurePlatformKeys(folder);
    expect(genesis).toMatchObject({ votingDelaySec: 86_400, votingPeriodSec: 259_200, timelockDelaySec: 86_400 });
  });

  test('two starts at once agree on the keys', async () => {
    const all = await Promise.all([ensurePlatformKeys(folder), ensurePlatformKeys(folder)]);
    expect(all[0]?.addresses).toEqual(all[1]?.addresses);
    expect(all[0]?.genesis).toEqual(all[1]?.genesis);
  });
});

describe('the next time', () => {
  test('keeps what is there to the byte', async () => {
    const first = await ensurePlatformKeys(folder);
    const before = await Promise.all(Object.values(first.files).map((path) => readFile(path, 'utf8')));
    const second = await ensurePlatformKeys(folder, { profile: 'dev', chainId: 7 });
    expect(second).toEqual({ ...first, created: [] });
    expect(await Promise.all(Object.values(second.files).map((path) => readFile(path, 'utf8')))).toEqual(before);
  });

  test.each([
    ['service.key', 'not a key', 'KEY_FILE_INVALID'],
    ['member.key', '0x1234', 'KEY_FILE_INVALID'],
    ['member.key', `0x${'0'.repeat(64)}`, 'KEY_FILE_INVALID'],
    ['genesis.json', '{', 'GENESIS_FILE_INVALID'],
    ['genesis.json', '{}', 'GENESIS_FILE_INVALID'],
  ])('refuses %s holding %j, naming the file', async (name, text, code) => {
    await ensurePlatformKeys(folder);
    await writeFile(join(folder, name), text);
    const call = ensurePlatformKeys(folder);
    await expect(call).rejects.toMatchObject({ code, message: expect.stringContaining(name) as string });
    expect(await readFile(join(folder, name), 'utf8')).toBe(text);
  });

  test('refuses what others may read', async () => {
    const { files } = await ensurePlatformKeys(folder);
    await chmod(files.memberKey, 0o644);
    await expect(readWalletKey(files.memberKey)).rejects.toMatchObject({ code: 'KEY_FILE_EXPOSED' });
    await expect(ensurePlatformKeys(folder)).rejects.toMatchObject({ code: 'KEY_FILE_EXPOSED' });
    await chmod(folder, 0o755);
    await expect(ensurePlatformKeys(folder)).rejects.toMatchObject({ code: 'KEY_FOLDER_EXPOSED' });
  });
});
