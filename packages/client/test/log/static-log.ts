import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { utf8 } from '@lucid/common/formats/bytes';
import { signCheckpoint } from '@lucid/common/formats/checkpoint';
import { openEd25519Signer } from '@lucid/common/formats/ed25519';
import { createMerkleTree, leafHash } from '@lucid/common/formats/merkle';
import { createNoteSigner, encodeVerifierKey, type NoteSigner } from '@lucid/common/formats/note';
import { encodeLogPolicy, parsePolicy, type TlogPolicy } from '@lucid/common/formats/policy';
import { encodeEntryBundle, encodeTilePath, type TileId, tileWidth } from '@lucid/common/formats/tiles';
import { type LogSource, missingFile } from '../../src/log/log-source.ts';

/** A log of somebody else's making: every file of the static layout, built from a whole tree in memory. */
export interface StaticLog {
  readonly origin: string;
  readonly policy: TlogPolicy;
  readonly policyText: string;
  readonly checkpoint: string;
  /** By path under the log's prefix, the checkpoint included. */
  readonly files: Map<string, Uint8Array>;
  readonly source: LogSource;
}

export const testOrigin = 'log.test/lucid/lucid';

export function testEntries(count: number, prefix = 'entry'): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => utf8(`${prefix} ${index}`));
}

export interface StaticLogOptions {
  readonly origin?: string;
  /** The first byte of the key's seed: another number is another key. */
  readonly seed?: number;
  readonly cosigners?: readonly NoteSigner[];
}

export async function createStaticLog(
  entries: readonly Uint8Array[],
  { origin = testOrigin, seed = 1, cosigners = [] }: StaticLogOptions = {},
): Promise<StaticLog> {
  const secret = new Uint8Array(32).fill(seed);
  const { publicKey } = await openEd25519Signer(secret);
  const policyText = encodeLogPolicy(encodeVerifierKey(origin, publicKey));
  const tree = createMerkleTree(entries.map(leafHash));
  const { treeSize, rootHash } = tree;
  const checkpoint = await signCheckpoint({ origin, treeSize, rootHash }, [
    await createNoteSigner(origin, secret),
    ...cosigners,
  ]);
  const files = new Map<string, Uint8Array>([['checkpoint', utf8(checkpoint)]]);
  const put = (tile: TileId, bytes: Uint8Array): void => void files.set(encodeTilePath(tile), bytes);
  for (let level = 0; 256 ** level <= Math.max(1, treeSize); level += 1) {
    for (let index = 0; ; index += 1) {
      const width = tileWidth(level, index, treeSize);
      if (width === 0) break;
      const hashes = Array.from({ length: width }, (_, at) => tree.readNode(level * 8, index * 256 + at));
      put({ level, index, width }, new Uint8Array(Buffer.concat(hashes)));
      if (level > 0) continue;
      const first = index * 256;
      put({ level: 'entries', index, width }, encodeEntryBundle(entries.slice(first, first + width)));
    }
  }
  return { origin, policy: parsePolicy(policyText), policyText, checkpoint, files, source: sourceOf(files) };
}

/** Reads from the map, as it is at each read. */
export function sourceOf(files: ReadonlyMap<string, Uint8Array>): LogSource {
  return {
    name: 'memory',
    readFile: async (path) => {
      const bytes = files.get(path);
      if (!bytes) throw missingFile(path, 'The map');
      return bytes.slice();
    },
  };
}

/** A new folder with the log's files, removed at the end. */
export async function writeStaticLog(log: StaticLog): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-log-'));
  for (const [path, bytes] of log.files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
