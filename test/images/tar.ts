import assert from 'node:assert/strict';

/** One entry of a tar archive. */
export interface TarEntry {
  /** Absolute and without a trailing slash: `/usr/bin/tor`; the root itself is `/`. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Where a link points: as written for a symlink, absolute for a hard link; else empty. */
  readonly link: string;
  readonly data: Buffer;
  /** Whether the file carries Linux capabilities (a pax record). */
  readonly hasCapabilities: boolean;
}

const blockSize = 512;
const capabilities = 'SCHILY.xattr.security.capability';
const types: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
};

/** Reads ustar with GNU long names and pax records (POSIX.1-2001). Throws on a cut or foreign archive. */
export function* readTar(archive: Buffer): Generator<TarEntry> {
  let extended: Record<string, string> = {};
  for (let offset = 0; offset + blockSize <= archive.length; ) {
    const header = archive.subarray(offset, offset + blockSize);
    offset += blockSize;
    if (header.every((byte) => byte === 0)) continue;
    assert(header.toString('latin1', 257, 262) === 'ustar', 'not a tar archive');
    const type = String.fromCharCode(header[156] || 0x30);
    const size = Number(extended['size'] ?? readNumber(header, 124, 12));
    const data = archive.subarray(offset, offset + size);
    assert(data.length === size, 'the tar archive is cut');
    offset += Math.ceil(size / blockSize) * blockSize;
    if (type === 'L') extended = { ...extended, path: text(data) };
    else if (type === 'K') extended = { ...extended, linkpath: text(data) };
    else if (type === 'x') extended = { ...extended, ...readPax(data) };
    else if (type !== 'g') {
      yield entryOf(header, type, data, extended);
      extended = {};
    }
  }
}

function entryOf(header: Buffer, type: string, data: Buffer, extended: Record<string, string>): TarEntry {
  const isPosix = header[263] === 0x30; // GNU's own format keeps times where the prefix would be
  const prefix = isPosix ? text(header.subarray(345, 500)) : '';
  const name = extended['path'] ?? `${prefix === '' ? '' : `${prefix}/`}${text(header.subarray(0, 100))}`;
  const link = extended['linkpath'] ?? text(header.subarray(157, 257));
  const kind = types[type] ?? 'other';
  return {
    path: absolute(name),
    type: kind,
    mode: readNumber(header, 100, 8) & 0o7777,
    uid: Number(extended['uid'] ?? readNumber(header, 108, 8)),
    gid: Number(extended['gid'] ?? readNumber(header, 116, 8)),
    link: kind === 'hardlink' ? absolute(link) : link,
    data,
    hasCapabilities: capabilities in extended,
  };
}

function absolute(name: string): string {
  return `/${name.replace(/^(?:\.?\/)+|^\.$/, '').replace(/\/+$/, '')}`;
}

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

/** A number in octal digits, or GNU's base 256 for what they cannot hold. */
function readNumber(header: Buffer, start: number, length: number): number {
  const field = header.subarray(start, start + length);
  if (((field[0] ?? 0) & 0x80) !== 0) return Number(field.readBigUInt64BE(length - 8));
  return Number.parseInt(text(field).trim() || '0', 8);
}

/** pax records: `LENGTH KEY=VALUE\n`, the length counting itself. */
function readPax(data: Buffer): Record<string, string> {
  const records: Record<string, string> = {};
  for (let start = 0; start < data.length; ) {
    const space = data.indexOf(0x20, start);
    const length = Number(data.toString('latin1', start, space));
    assert(length > 0, 'a pax record has no length');
    const [key = '', ...value] = data.toString('utf8', space + 1, start + length - 1).split('=');
    records[key] = value.join('=');
    start += length;
  }
  return records;
}

const typeFlags = { file: '0', hardlink: '1', symlink: '2', directory: '5', other: '' } as const;

/** Writes entries in the order given with every time zero: the same entries always give the same bytes. */
export function writeTar(entries: Iterable<TarEntry>): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    const { type, data } = entry;
    const name = `.${entry.path}${type === 'directory' && entry.path !== '/' ? '/' : ''}`;
    const link = type === 'hardlink' ? `.${entry.link}` : entry.link;
    const records = [
      ...(name.length > 100 ? [paxRecord('path', name)] : []),
      ...(link.length > 100 ? [paxRecord('linkpath', link)] : []),
      ...(entry.hasCapabilities ? [paxRecord(capabilities, 'present')] : []),
    ].join('');
    if (records !== '') {
      const bytes = Buffer.from(records);
      parts.push(writeHeader({ name: './pax', flag: 'x', size: bytes.length, mode: 0o644 }), padded(bytes));
    }
    const { mode, uid, gid } = entry;
    parts.push(writeHeader({ name, link, flag: typeFlags[type], size: data.length, mode, uid, gid }), padded(data));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * blockSize)]);
}

interface Header {
  readonly name: string;
  readonly link?: string;
  readonly flag: string;
  readonly size: number;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

function writeHeader({ name, link = '', flag, size, mode, uid = 0, gid = 0 }: Header): Buffer {
  assert(flag !== '', `${name} is neither file, folder nor link`);
  const header = Buffer.alloc(blockSize);
  const octal = (value: number, start: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, start, 'latin1');
  header.write(name.slice(0, 100), 0, 'utf8');
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  header.write(' '.repeat(8), 148, 'latin1');
  header.write(flag, 156, 'latin1');
  header.write(link.slice(0, 100), 157, 'utf8');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function padded(data: Buffer): Buffer {
  const rest = data.length % blockSize;
  return rest === 0 ? data : Buffer.concat([data, Buffer.alloc(blockSize - rest)]);
}

function paxRecord(key: string, value: string): string {
  const body = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(body) + 1;
  while (`${length}`.length + Buffer.byteLength(body) !== length) length = `${length}`.length + Buffer.byteLength(body);
  return `${length}${body}`;
}

const noData = Buffer.alloc(0);

/** An entry owned by root, for archives made here. */
export function fileEntry(path: string, data: Uint8Array | string, mode = 0o644): TarEntry {
  const bytes = Buffer.from(data);
  return { path, type: 'file', mode, uid: 0, gid: 0, link: '', data: bytes, hasCapabilities: false };
}

/** A folder, owned by `owner` (user and group alike). */
export function folderEntry(path: string, mode = 0o755, owner = 0): TarEntry {
  return { path, type: 'directory', mode, uid: owner, gid: owner, link: '', data: noData, hasCapabilities: false };
}
