import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { standInLabel } from '../oci.ts';
import { fileEntry, folderEntry, readTar, type TarEntry, writeTar } from '../tar.ts';
import { type CraftedImage, craftElf, soundImage, writeCrafted } from './crafted-image.ts';
import { readImages } from './image.ts';
import { auditImage, releaseRules, rules } from './rules.ts';

const folder = mkdtempSync(join(tmpdir(), 'lucid-audit-'));
afterAll(() => rmSync(folder, { recursive: true }));
let written = 0;

function audit(image: CraftedImage, applied = rules): string[] {
  written += 1;
  const [read] = readImages(writeCrafted(join(folder, String(written)), image));
  if (read === undefined) throw new Error('no image was read');
  return auditImage(read, applied);
}

/** A sound image with a layer more. */
function plus(...entries: readonly TarEntry[]): CraftedImage {
  const image = soundImage();
  return { ...image, layers: [...image.layers, entries] };
}

function configured(change: Partial<CraftedImage['config']>): CraftedImage {
  const image = soundImage();
  return { ...image, config: { ...image.config, ...change } };
}

const link = (path: string, target: string): TarEntry => ({ ...fileEntry(path, ''), type: 'symlink', link: target });
const whiteout = (path: string) => fileEntry(path, '');
const key = `-----BEGIN PRIVATE KEY-----\n${'MC4CAQAwBQYDK2VwBCIEIA'.repeat(4)}\n-----END PRIVATE KEY-----\n`;

/** For each rule, images that break it and no other, with what the audit must name. */
const broken: Readonly<Record<string, readonly (readonly [string, CraftedImage])[]>> = {
  'no shell': [
    ['/usr/bin/dash', plus(fileEntry('/usr/bin/dash', '', 0o755))],
    ['/usr/bin/sh', plus(link('/usr/bin/sh', '/nodejs/bin/node'))],
  ],
  'no package manager': [['/usr/bin/apt', plus(fileEntry('/usr/bin/apt', ''))]],
  'no interpreter but Node': [['/usr/bin/python3.13', plus(fileEntry('/usr/bin/python3.13', ''))]],
  'no network tool': [['/usr/bin/curl', plus(fileEntry('/usr/bin/curl', ''))]],
  'nothing runs as its owner': [['/usr/bin/su', plus(fileEntry('/usr/bin/su', '', 0o4755))]],
  'no file capabilities': [['/usr/bin/ping', plus({ ...fileEntry('/usr/bin/ping', ''), hasCapabilities: true })]],
  'nothing is writable by all': [
    ['/etc/hosts', plus(fileEntry('/etc/hosts', '', 0o666))],
    ['/srv', plus(folderEntry('/srv', 0o777))],
  ],
  'runs as lucid, 1000:1000': [
    ['it runs as "root"', configured({ User: 'root' })],
    ['it runs as "0"', configured({ User: '0' })],
    ['it runs as "lucid"', configured({ User: 'lucid' })],
    ['/etc/passwd has no lucid', plus(fileEntry('/etc/passwd', 'root:x:0:0::/:\n'))],
  ],
  'exec form': [
    ['the health check', configured({ Healthcheck: { Test: ['CMD-SHELL', 'true'] } })],
    ['the command', configured({ Cmd: ['/bin/sh', '-c', 'node'] })],
  ],
  'its programs are there': [
    ['/app/main.js', plus(whiteout('/app/.wh.main.js'))],
    ['no entry point', configured({ Entrypoint: [] })],
    ['/app/probe', configured({ Healthcheck: { Test: ['CMD', '/app/probe'] } })],
  ],
  'programs of its own architecture': [
    ['/app/addon.node', plus(fileEntry('/app/addon.node', craftElf({ machine: 62 }), 0o555))],
  ],
  'every library is there': [
    ['/app/addon.node needs libz.so.1', plus(fileEntry('/app/addon.node', craftElf({ needed: ['libz.so.1'] }), 0o555))],
    ['/nodejs/bin/node needs libc.so.6', plus(whiteout('/usr/lib/.wh.libc.so.6'))],
    ['/usr/bin/tor needs /lib/ld-musl.so', plus(fileEntry('/usr/bin/tor', craftElf({ loader: '/lib/ld-musl.so' })))],
  ],
  'loads with 16 KiB pages': [
    ['/app/addon.node', plus(fileEntry('/app/addon.node', craftElf({ alignment: 4096 }), 0o555))],
  ],
  'nothing of a work tree': [
    ['/app/.env', plus(fileEntry('/app/.env', '', 0o444))],
    ['/app/main.js.map', plus(fileEntry('/app/main.js.map', '', 0o444))],
    ['/app/pnpm-lock.yaml', plus(fileEntry('/app/pnpm-lock.yaml', '', 0o444))],
    ['/root/.npmrc', plus(fileEntry('/root/.npmrc', ''))],
  ],
  'no private key': [['/etc/ssl/server.pem', plus(fileEntry('/etc/ssl/server.pem', key))]],
  'package records for scanners': [
    ['/var/lib/dpkg/status.d is empty', plus(whiteout('/var/lib/dpkg/status.d/.wh..wh..opq'))],
  ],
  labels: [['org.opencontainers.image.title', configured({ Labels: {} })]],
  'the app is root’s, and nobody else writes it': [['/app/cache', plus(folderEntry('/app/cache', 0o775))]],
  'the user owns its state and nothing else': [
    ['/var/lib/ledger (755)', plus(folderEntry('/var/lib/ledger', 0o755, 1000))],
    ['/srv (700)', plus(folderEntry('/srv', 0o700, 1000))],
    ['no folder below /var/lib is the user’s', plus(whiteout('/var/lib/.wh.ledger'))],
  ],
};

describe('the audit', () => {
  test('passes an image as it should be', () => {
    expect(audit(soundImage())).toEqual([]);
    const amd64: CraftedImage = { ...plus(), architecture: 'amd64' };
    const native = [fileEntry('/nodejs/bin/node', craftElf({ machine: 62, alignment: 4096 }), 0o755)];
    const gone = [whiteout('/usr/lib/.wh.ld-linux-aarch64.so.1'), whiteout('/usr/lib/.wh.libc.so.6')];
    expect(audit({ ...amd64, layers: [...amd64.layers, native, gone] })).toEqual([]);
  });

  test('has an image that breaks each rule', () => {
    expect(Object.keys(broken).toSorted()).toEqual(rules.map(({ name }) => name).toSorted());
  });

  const cases = Object.entries(broken).flatMap(([rule, images]) =>
    images.map(([what, image]) => ({ rule, what, image })),
  );
  test.each(cases)('$rule: $what', ({ rule, what, image }) => {
    const found = audit(image);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${rule}: ${what}`);
  });

  test('lets a stand-in base pass, but not into a release', () => {
    const image = configured({ Labels: { ...soundImage().config.Labels, [standInLabel]: 'true' } });
    expect(audit(image)).toEqual([]);
    expect(audit(image, releaseRules)).toEqual([`built on the real bases: label ${standInLabel}`]);
    expect(audit(soundImage(), releaseRules)).toEqual([]);
  });
});

describe('a tar archive', () => {
  test('comes back as it was written, long names too', () => {
    const long = `/${'folder/'.repeat(30)}file`;
    const entries = [
      folderEntry('/'),
      folderEntry('/var/lib/x', 0o700, 1000),
      fileEntry(long, 'content', 0o555),
      link('/usr/bin/sh', `..${long}`),
      { ...fileEntry('/hard', ''), type: 'hardlink' as const, link: long },
    ];
    const written = writeTar(entries);
    expect([...readTar(written)]).toEqual(entries);
    expect(writeTar(entries).equals(written)).toBe(true);
  });

  test('is refused when it is cut or something else', () => {
    const archive = writeTar([fileEntry('/a', 'x'.repeat(600))]);
    expect(() => [...readTar(archive.subarray(0, 800))]).toThrow('cut');
    expect(() => [...readTar(Buffer.alloc(1024, 7))]).toThrow('not a tar archive');
  });
});
