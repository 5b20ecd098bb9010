import { gzipSync } from 'node:zlib';
import type { Architecture } from '../config.ts';
import { type ImageConfig, mediaTypes, OciLayout, platformOf, sha256 } from '../oci.ts';
import { fileEntry, folderEntry, type TarEntry, writeTar } from '../tar.ts';

/** An image to be written: each layer's entries, lowest first. */
export interface CraftedImage {
  readonly architecture: Architecture;
  readonly config: ImageConfig['config'];
  readonly layers: readonly (readonly TarEntry[])[];
}

export interface CraftedElf {
  readonly machine?: number;
  readonly alignment?: number;
  readonly needed?: readonly string[];
  readonly loader?: string;
}

const loader = '/usr/lib/ld-linux-aarch64.so.1';

/** A small image that keeps every rule. */
export function soundImage(): CraftedImage {
  const folders = ['/', '/etc', '/usr', '/usr/bin', '/usr/lib', '/var', '/var/lib', '/nodejs', '/nodejs/bin'];
  const base = [
    ...folders.map((path) => folderEntry(path)),
    folderEntry('/tmp', 0o1777),
    fileEntry('/nodejs/bin/node', craftElf({ loader, needed: ['libc.so.6'] }), 0o755),
    fileEntry(loader, craftElf({}), 0o755),
    fileEntry('/usr/lib/libc.so.6', craftElf({})),
    fileEntry('/var/lib/dpkg/status.d/libc6', 'Package: libc6\nVersion: 2.41-12\nArchitecture: arm64\n'),
  ];
  const app = [
    fileEntry('/etc/passwd', 'lucid:x:1000:1000:lucid:/:/sbin/nologin\n'),
    folderEntry('/app', 0o555),
    fileEntry('/app/main.js', "console.log('ready');\n", 0o555),
    fileEntry('/app/healthcheck.js', '', 0o555),
    folderEntry('/var/lib/ledger', 0o700, 1000),
  ];
  const names = ['title', 'version', 'revision', 'licenses', 'base.name'];
  const config = {
    User: '1000:1000',
    Entrypoint: ['/nodejs/bin/node', '/app/main.js'],
    Healthcheck: { Test: ['CMD', '/nodejs/bin/node', '/app/healthcheck.js'] },
    Labels: Object.fromEntries(names.map((name) => [`org.opencontainers.image.${name}`, 'x'])),
  };
  return { architecture: 'arm64', config, layers: [base, app] };
}

/** The smallest ELF file that has segments, a loader and needed libraries. */
export function craftElf({ machine = 183, alignment = 65_536, needed = [], loader: interpreter }: CraftedElf): Buffer {
  const table = Buffer.from(`\0${[...needed, interpreter ?? ''].join('\0')}\0`);
  const header = 64;
  const count = 3;
  const tableAt = header + count * 56;
  const dynamicAt = tableAt + table.length;
  const tags: [number, number][] = [[5, tableAt]];
  let at = 1;
  for (const name of needed) {
    tags.push([1, at]);
    at += name.length + 1;
  }
  const file = Buffer.alloc(dynamicAt + (tags.length + 1) * 16);
  const word = (value: number, offset: number) => file.writeBigUInt64LE(BigInt(value), offset);
  file.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  file.writeUInt16LE(machine, 18);
  word(header, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(count, 56);
  const segment = (index: number, type: number, offset: number, size: number) => {
    const start = header + index * 56;
    file.writeUInt32LE(type, start);
    for (const [field, value] of [
      [8, offset],
      [16, offset],
      [32, size],
      [48, alignment],
    ] as const)
      word(value, start + field);
  };
  segment(0, 1, 0, file.length);
  segment(1, 2, dynamicAt, (tags.length + 1) * 16);
  segment(2, interpreter === undefined ? 0 : 3, tableAt + at, (interpreter ?? '').length + 1);
  table.copy(file, tableAt);
  for (const [index, [tag, value]] of tags.entries()) {
    word(tag, dynamicAt + index * 16);
    word(value, dynamicAt + index * 16 + 8);
  }
  return file;
}

/** Writes the image, tagged `crafted`, as an OCI layout. */
export function writeCrafted(folder: string, { architecture, config, layers }: CraftedImage): OciLayout {
  const layout = OciLayout.create(folder);
  const archives = layers.map((entries) => writeTar(entries));
  const manifest = layout.putJson(
    {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: layout.putJson(
        {
          ...platformOf(architecture),
          config,
          rootfs: { type: 'layers', diff_ids: archives.map((one) => sha256(one)) },
        },
        mediaTypes.config,
      ),
      layers: archives.map((archive) => layout.put(gzipSync(archive), mediaTypes.layer)),
    },
    mediaTypes.manifest,
  );
  layout.writeIndex([{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'crafted' } }]);
  return layout;
}
