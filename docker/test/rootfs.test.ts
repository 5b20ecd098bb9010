import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const script = fileURLToPath(new URL('../debian/rootfs.sh', import.meta.url));

describe('rootfs.sh', () => {
  let folder = '';
  const at = (name: string) => join(folder, name);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'rootfs-'));
    for (const name of ['image', 'debs', 'package/DEBIAN']) mkdirSync(at(name), { recursive: true });
    const control = [
      'Package: tor',
      'Version: 0.4.8.16-1',
      'Architecture: arm64',
      'Maintainer: nobody <a@test.invalid>',
    ];
    writeFileSync(at('package/DEBIAN/control'), `${[...control, 'Description: none'].join('\n')}\n`);
    execFileSync('dpkg-deb', ['--build', at('package'), at('debs/tor_0.4.8.16-1_arm64.deb')]);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  const refusal = (packages: string) => {
    writeFileSync(at('image/packages'), packages);
    const { status, stderr } = spawnSync(script, ['arm64', at('image'), at('debs'), at('out')], { encoding: 'utf8' });
    return { status, stderr: stderr.trim() };
  };

  test('refuses a package older than the least that may be shipped', () => {
    const stderr = 'rootfs.sh: tor 0.4.8.16-1 is older than 0.4.9.11';
    expect(refusal('tor 0.4.9.11\n/usr/bin/tor\n')).toEqual({ status: 1, stderr });
  });

  test('refuses to go on without a package', () => {
    expect(refusal('libevent\ntor\n')).toEqual({ status: 1, stderr: 'rootfs.sh: no package libevent' });
  });
});
