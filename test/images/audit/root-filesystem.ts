import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Descriptor, OciLayout } from '../oci.ts';
import { readTar, type TarEntry } from '../tar.ts';
import { type ElfFacts, readElf } from './elf.ts';

/** What the audit and the reports need of a file, without its content. */
export interface FileFacts extends Omit<TarEntry, 'data'> {
  /** Bytes. */
  readonly size: number;
  readonly elf: ElfFacts | undefined;
  /** The content of package records, manifests and tables of users; undefined for other files. */
  readonly text: string | undefined;
  /** Of Node's own program: the version in it. */
  readonly nodeVersion: string | undefined;
  readonly holdsPrivateKey: boolean;
}

export interface LayerFacts {
  readonly digest: string;
  /** Bytes as pulled. */
  readonly compressedBytes: number;
  /** The sum of its files' sizes. */
  readonly fileBytes: number;
  readonly files: readonly FileFacts[];
}

export type RootFilesystem = ReadonlyMap<string, FileFacts>;

const keptAsText = /^\/var\/lib\/dpkg\/(status$|status\.d\/)|\/package\.json$|^\/etc\/(passwd|group)$/;
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\sA-Za-z0-9+/=]{64,}-----END/;
export const nodePath = '/nodejs/bin/node';
const nodeVersionMark = 'node.js/v';
const whiteout = '.wh.';
const opaque = '.wh..wh..opq';

/** Reads a layer's archive: gzip, zstd or plain. */
export function readLayer(layout: OciLayout, { digest, size }: Descriptor): LayerFacts {
  const blob = readFileSync(layout.blobPath(digest));
  const files = [...readTar(decompress(blob))].map(factsOf);
  const fileBytes = files.reduce((sum, file) => sum + file.size, 0);
  return { digest, compressedBytes: size, fileBytes, files };
}

function decompress(blob: Buffer): Buffer {
  if (blob.readUInt16BE(0) === 0x1f_8b) return gunzipSync(blob);
  return blob.readUInt32LE(0) === 0xfd_2f_b5_28 ? zstdDecompressSync(blob) : blob;
}

function factsOf({ data, ...entry }: TarEntry): FileFacts {
  const elf = readElf(data);
  return {
    ...entry,
    size: data.length,
    elf,
    text: keptAsText.test(entry.path) ? data.toString() : undefined,
    nodeVersion: entry.path === nodePath ? versionIn(data) : undefined,
    holdsPrivateKey: elf === undefined && privateKey.test(data.toString('latin1')),
  };
}

function versionIn(node: Buffer): string | undefined {
  const at = node.indexOf(nodeVersionMark);
  return at === -1 ? undefined : /^[\d.]+/.exec(node.toString('latin1', at + nodeVersionMark.length, at + 32))?.[0];
}

/** Lays the layers over each other, lowest first, as a container would see them (image-spec, layer.md). */
export function mergeLayers(layers: readonly LayerFacts[]): RootFilesystem {
  const merged = new Map<string, FileFacts>();
  const removeBelow = (path: string) => {
    for (const known of merged.keys()) if (known.startsWith(`${path}/`)) merged.delete(known);
  };
  for (const { files } of layers) {
    for (const file of files) {
      const folder = posix.dirname(file.path);
      const name = posix.basename(file.path);
      if (name === opaque) {
        removeBelow(folder);
      } else if (name.startsWith(whiteout)) {
        const hidden = posix.join(folder, name.slice(whiteout.length));
        removeBelow(hidden);
        merged.delete(hidden);
      } else {
        const target = file.type === 'hardlink' ? merged.get(file.link) : undefined;
        merged.set(file.path, target === undefined ? file : { ...target, path: file.path, size: 0 });
      }
    }
  }
  return merged;
}

/** The file that a path leads to, following links; undefined when it leads nowhere. */
export function resolvePath(files: RootFilesystem, path: string, depth = 0): FileFacts | undefined {
  if (depth > 40) return undefined;
  const parts = path.split('/').filter((part) => part !== '');
  let current = '';
  for (const [index, part] of parts.entries()) {
    const next = files.get(`${current}/${part}`);
    if (next?.type === 'symlink') {
      const target = posix.resolve(current === '' ? '/' : current, next.link);
      return resolvePath(files, posix.join(target, ...parts.slice(index + 1)), depth + 1);
    }
    current = `${current}/${part}`;
  }
  return files.get(current === '' ? '/' : current);
}
