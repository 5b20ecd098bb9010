import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type CraftedImage, soundImage, writeCrafted } from './audit/crafted-image.ts';
import { type BuiltImage, readImages } from './audit/image.ts';
import { type Bom, billOfMaterials, bomFaults } from './sbom.ts';
import { fileEntry } from './tar.ts';

const folder = mkdtempSync(join(tmpdir(), 'lucid-sbom-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(name: string, image: CraftedImage): BuiltImage {
  const [built] = readImages(writeCrafted(join(folder, name), image));
  if (built === undefined) throw new Error('no image was read');
  return built;
}

function withNode(): CraftedImage {
  const image = soundImage();
  const added = [
    fileEntry('/nodejs/bin/node', Buffer.from('…node.js/v24.21.0\0…'), 0o755),
    fileEntry(
      '/app/node_modules/swagger-ui-dist/package.json',
      '{"name":"swagger-ui-dist","version":"5.35.0","license":{"type":"Apache-2.0"}}',
      0o444,
    ),
    fileEntry('/var/lib/dpkg/status.d/zlib1g', 'Package: zlib1g\nVersion: 1:1.3+really1.3.1-1\nArchitecture: arm64\n'),
    fileEntry('/var/lib/dpkg/status.d/zlib1g.md5sums', 'd41d8cd98f00b204e9800998ecf8427e  usr/lib/libz.so.1\n'),
  ];
  return { ...image, layers: [...image.layers, added] };
}

/** A metafile in which a package is in the bundle, one was dropped from it and one file is ours. */
function metafile(): string {
  const inputs = {
    'test/node_modules/fastify/fastify.js': { bytesInOutput: 10 },
    'test/node_modules/yaml/dist/index.js': { bytesInOutput: 0 },
    'services/ledger/src/main.ts': { bytesInOutput: 99 },
  };
  const path = join(folder, 'meta.json');
  writeFileSync(path, JSON.stringify({ outputs: { 'main.js': { inputs } } }));
  return path;
}

describe('a bill of materials', () => {
  const image = read('image', withNode());
  const bom = billOfMaterials(image, '0.1.0', metafile());

  test('names Debian’s packages, Node and exactly the npm packages that are in the image', () => {
    const purls = bom.components.map(({ purl = '', name }) => purl || name);
    expect(purls.map((purl) => purl.replace(/fastify@.*/, 'fastify@…'))).toEqual([
      'debian',
      'pkg:deb/debian/libc6@2.41-12?arch=arm64&distro=debian-13',
      'pkg:deb/debian/zlib1g@1%3A1.3%2Breally1.3.1-1?arch=arm64&distro=debian-13',
      'pkg:generic/nodejs@24.21.0',
      'pkg:npm/fastify@…',
      'pkg:npm/swagger-ui-dist@5.35.0',
    ]);
  });

  test('gives licences as expressions, whatever form the manifest has', () => {
    const licenses = bom.components.flatMap((component) => component.licenses ?? []);
    expect(licenses).toEqual([{ expression: 'MIT' }, { expression: 'Apache-2.0' }]);
  });

  test('is the same for the same image, and another for another', () => {
    expect(JSON.stringify(billOfMaterials(image, '0.1.0', metafile()))).toBe(JSON.stringify(bom));
    expect(billOfMaterials(image, '0.2.0', metafile()).serialNumber).not.toBe(bom.serialNumber);
  });

  test('is refused when Node does not tell its version', () => {
    expect(() => billOfMaterials(read('sound', soundImage()), '0.1.0', undefined)).toThrow('version');
  });

  test('is checked', () => {
    expect(bomFaults(bom)).toEqual([]);
    const [first] = bom.components;
    const broken = (change: Partial<Bom>) => bomFaults({ ...bom, ...change });
    expect(broken({ serialNumber: 'urn:uuid:0' })).toEqual(['serial number']);
    expect(broken({ components: [...bom.components, ...(first === undefined ? [] : [first])] })).toEqual([
      'doubled references',
    ]);
    expect(broken({ dependencies: [{ ref: 'nobody' }] })).toEqual(['dangling nobody']);
    const nameless = bom.components.map((component) => ({ ...component, version: '' }));
    expect(broken({ components: nameless })).toHaveLength(nameless.length);
    const purl = bom.components.map((component) => ({ ...component, purl: 'zlib1g' }));
    expect(broken({ components: purl })).toHaveLength(purl.length);
  });
});
