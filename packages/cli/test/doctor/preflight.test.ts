import { globSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checkFileSystem, checkMounted, checkSpace, checkWritable } from '../../src/doctor/disk.ts';
import { checkMemoryCgroup, checkMemoryTotal, memoryLimits } from '../../src/doctor/memory.ts';
import { parseParts } from '../../src/doctor/parts.ts';
import { preflight } from '../../src/doctor/preflight.ts';
import { checkFeatures, checkMongo, checkPageSize, readProcessor } from '../../src/doctor/processor.ts';
import { craftHost, pi4, pi5 } from '../support/crafted-host.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

describe('disk-mounted', () => {
  const container = { '.dockerenv': '' };
  // A folder of the kernel's own is on another device than any folder of files.
  const elsewhere = '/proc/self';

  test('another device than the machine’s own is a disk of its own', async () => {
    const host = await craftHost({ ...container, 'host/passwd': '' });
    expect(checkMounted(host, elsewhere)).toMatchObject({ severity: 'ok' });
    expect(checkMounted(await craftHost({}), elsewhere)).toMatchObject({ severity: 'ok' });
  });

  test('the same device is the system’s disk, in a container and outside', async () => {
    for (const host of [await craftHost({ ...container, 'host/passwd': '' }), await craftHost({})]) {
      const finding = checkMounted(host, host.path(''));
      expect(finding).toMatchObject({ severity: 'fail', fix: expect.stringContaining('/etc/fstab') as string });
    }
  });

  test('without the machine’s file a container cannot tell, and says so', async () => {
    expect(checkMounted(await craftHost(container), elsewhere)).toMatchObject({
      severity: 'warn',
      fix: expect.stringContaining('/host/passwd') as string,
    });
    const overlay = { 'proc/self/mountinfo': '22 1 0:21 / / rw - overlay overlay rw\n' };
    expect(checkMounted(await craftHost(overlay), elsewhere)).toMatchObject({ severity: 'warn' });
  });

  test('a folder that is not there is a failure', async () => {
    const host = await craftHost({});
    expect(checkMounted(host, host.path('missing'))).toMatchObject({
      severity: 'fail',
      found: expect.stringContaining('There is no folder') as string,
      fix: expect.stringContaining('mkdir -p') as string,
    });
  });
});

describe('disk-type', () => {
  const mountinfo = (type: string) =>
    `22 1 8:2 / / rw shared:1 - ext4 /dev/mmcblk0p2 rw\n` +
    `30 22 8:17 / /mnt/my\\040ssd rw,noatime shared:2 - ${type} /dev/sda1 rw\n`;

  test.each([
    ['ext4', 'ok'],
    ['btrfs', 'ok'],
    ['exfat', 'fail'],
    ['fuseblk', 'fail'],
    ['tmpfs', 'warn'],
    ['nfs4', 'warn'],
  ])('%s: %s', async (type, severity) => {
    const host = await craftHost({ 'proc/self/mountinfo': mountinfo(type) });
    expect(checkFileSystem(host, '/mnt/my ssd/Lucid')).toMatchObject({ severity });
    expect(checkFileSystem(host, '/mnt/my ssdx')).toMatchObject({ severity: 'ok' });
  });

  test('unknown is no verdict', async () => {
    expect(checkFileSystem(await craftHost({}), '/x')).toMatchObject({ severity: 'info' });
  });
});

describe('disk-writable and disk-space', () => {
  test('leaves nothing behind', async () => {
    const root = await mkdtemp(join(tmpdir(), 'lucid-root-'));
    expect(checkWritable(root)).toMatchObject({ severity: 'ok' });
    expect(await readdir(root)).toEqual([]);
    expect(checkSpace(root).found).toMatch(/free \(\d+ %\)/);
  });

  test('says how to make what is missing, and whom it must belong to', async () => {
    const root = await mkdtemp(join(tmpdir(), 'lucid-root-'));
    expect(checkWritable(join(root, 'missing'))).toMatchObject({
      severity: 'fail',
      fix: expect.stringContaining('mkdir -p') as string,
    });
    // Root writes everywhere but where the kernel keeps its own.
    await chmod(root, 0o500);
    expect(checkWritable(process.geteuid?.() === 0 ? '/proc' : root)).toMatchObject({ severity: 'fail' });
  });
});

describe('memory-cgroup', () => {
  const v2 = (controllers: string) => ({ 'sys/fs/cgroup/cgroup.controllers': `${controllers}\n` });
  const v1 = (enabled: number) => ({
    'proc/cgroups': `#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t9\t1\nmemory\t0\t9\t${enabled}\n`,
  });

  test.each([
    ['version 2 with memory', v2('cpuset cpu io memory pids'), 'ok', 'v2'],
    ['version 2 without, as Raspberry Pi OS starts', v2('cpuset cpu io pids'), 'fail', 'v2'],
    ['version 2 without any', v2(''), 'fail', 'v2'],
    ['version 1 with memory, in a container', { 'sys/fs/cgroup/memory/memory.limit_in_bytes': '1' }, 'ok', 'v1'],
    ['version 1 with memory', v1(1), 'ok', 'v1'],
    ['version 1 without', v1(0), 'fail', 'v1'],
    ['version 1 without a row', { 'proc/cgroups': '#subsys_name\ncpu\t3\t9\t1\n' }, 'fail', 'v1'],
    ['nothing to be seen', {}, 'warn', 'cannot be told'],
  ])('%s: %s', async (_name, files, severity, found) => {
    const finding = checkMemoryCgroup(await craftHost(files));
    expect(finding).toMatchObject({ severity, found: expect.stringContaining(found) as string });
    if (severity === 'fail') expect(finding.fix).toContain('cgroup_enable=memory');
  });
});

describe('memory-total', () => {
  test.each([
    ['8 GB, with MongoDB', 8_000_000, ['mongo'], 'ok'],
    ['4 GB', 3_884_360, ['tor'], 'ok'],
    ['4 GB, with MongoDB', 3_884_360, ['mongo'], 'warn'],
    ['2 GB', 1_900_000, [], 'warn'],
    ['1 GB', 950_000, [], 'warn'],
    ['512 MB', 470_000, [], 'fail'],
  ])('%s', async (_name, kib, parts, severity) => {
    const host = await craftHost({ 'proc/meminfo': `MemTotal:        ${kib} kB\nMemFree: 1 kB\n` });
    expect(checkMemoryTotal(host, parseParts(parts))).toMatchObject({ severity });
  });

  test('the limits are those of the Compose files', async () => {
    const files = globSync('compose/*.yaml', { cwd: root });
    const texts = await Promise.all(files.map((file) => readFile(`${root}${file}`, 'utf8')));
    const limits = new Map<string, number>();
    for (const [, name = '', size = '', unit] of texts.join('\n').matchAll(/LUCID_MEMORY_(\w+):-(\d+)([mg])/g)) {
      limits.set(name, Number(size) * 2 ** (unit === 'g' ? 30 : 20));
    }
    const limit = (name: string) => limits.get(name) ?? Number.NaN;
    const compose = await readFile(`${root}compose/compose.yaml`, 'utf8');
    const sizes = [...compose.matchAll(/<<: \[\*service, \*(\w+)/g)].map(([, size = '']) => limit(size.toUpperCase()));
    expect(sizes).toHaveLength(9);
    expect(memoryLimits).toEqual({
      services: sizes.reduce((sum, size) => sum + size, 0),
      together: limit('PLATFORM'),
      mongo: limit('MONGO'),
      redis: limit('REDIS'),
      tor: limit('TOR') + limit('SMALL'),
    });
  });
});

describe('page-size, processor and mongo', () => {
  test('a Pi 4', async () => {
    const host = await craftHost(pi4);
    const processor = readProcessor(host);
    expect(checkPageSize(processor)).toMatchObject({ severity: 'ok', found: 'Pages of 4 KiB.' });
    expect(checkFeatures(host, processor)).toMatchObject({
      severity: 'info',
      found: 'Raspberry Pi 4 Model B Rev 1.4, arm64, without aes, sha2.',
    });
    expect(checkMongo(host, processor, undefined)).toMatchObject({ severity: 'fail' });
    expect(checkMongo(host, processor, '7.0')).toMatchObject({ severity: 'fail' });
    expect(checkMongo(host, processor, '4.4.18')).toMatchObject({ severity: 'ok' });
    expect(checkMongo(host, processor, '4.4.19').found).toContain('ARMv8.2');
    // A tag of a line is its newest release.
    expect(checkMongo(host, processor, '4.4').found).toContain('ARMv8.2');
    expect(checkMongo(host, processor, '4.2')).toMatchObject({ severity: 'ok' });
  });

  test('a Pi 5 with 16 KiB pages', async () => {
    const host = await craftHost(pi5);
    const processor = readProcessor(host);
    expect(checkPageSize(processor)).toMatchObject({ severity: 'info', found: 'Pages of 16 KiB.' });
    expect(checkFeatures(host, processor)).toMatchObject({ severity: 'ok' });
    expect(checkMongo(host, processor, '7.0.28')).toMatchObject({ severity: 'ok' });
    expect(checkMongo(host, processor, '8.0.4')).toMatchObject({ severity: 'ok' });
    expect(checkMongo(host, processor, '8.0.5')).toMatchObject({
      severity: 'fail',
      fix: expect.stringContaining('8.0.4') as string,
    });
    expect(checkMongo(host, processor, '8.0.12').severity).toBe('fail');
    expect(checkMongo(host, processor, '8.0').severity).toBe('fail');
    expect(checkMongo(host, processor, '8').severity).toBe('fail');
    expect(checkMongo(host, processor, '7')).toMatchObject({ severity: 'ok' });
  });

  test('a PC without AVX, and one nobody knows', async () => {
    const atom = await craftHost({ 'proc/cpuinfo': 'flags\t\t: fpu sse4_2\n' }, 'x64');
    expect(checkMongo(atom, readProcessor(atom), '7.0')).toMatchObject({ severity: 'fail' });
    const unknown = await craftHost({}, 'x64');
    expect(checkMongo(unknown, readProcessor(unknown), '7.0')).toMatchObject({ severity: 'info' });
    expect(checkPageSize(readProcessor(unknown))).toMatchObject({ severity: 'info' });
  });
});

describe('the parts chosen', () => {
  test('are read with their versions', () => {
    expect([...parseParts(['mongo:7.0,redis', 'tor'])]).toEqual([
      ['mongo', '7.0'],
      ['redis', undefined],
      ['tor', undefined],
    ]);
    for (const part of ['postgres', 'mongo:latest', 'mongo:']) {
      expect(() => parseParts([part])).toThrow(expect.objectContaining({ code: 'USAGE_INVALID' }) as Error);
    }
  });

  test('decide what is looked at', async () => {
    const host = await craftHost(pi4);
    const ids = (list: string[]) => preflight(host, host.path(''), parseParts(list)).map(({ id }) => id);
    expect(ids(['mongo'])).toEqual([...ids([]), 'mongo']);
  });
});
