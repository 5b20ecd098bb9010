import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Host, openHost } from '../../src/doctor/host.ts';

/** A machine made of files: what its kernel would show, by path. */
export async function craftHost(files: Readonly<Record<string, string | Buffer>>, arch = 'arm64'): Promise<Host> {
  const root = await mkdtemp(join(tmpdir(), 'lucid-host-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return openHost(root, arch);
}

/** The auxiliary vector of a process whose pages have that size. */
export function auxvOf(pageBytes: number): Buffer {
  const words = [33n, 1n, 6n, BigInt(pageBytes), 0n, 0n];
  return Buffer.from(BigUint64Array.from(words).buffer);
}

export const pi4 = {
  'proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.4\0',
  'proc/cpuinfo': 'processor\t: 0\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU part\t: 0xd08\n',
  'proc/self/auxv': auxvOf(4096),
};

export const pi5 = {
  'proc/cpuinfo':
    'processor\t: 0\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp\nCPU part\t: 0xd0b\n\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n',
  'proc/self/auxv': auxvOf(16_384),
};
