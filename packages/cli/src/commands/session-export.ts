import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { LucidClient } from '@lucid/client/lucid-client';
import { readSession } from '@lucid/client/read-session';
import { parseHex, utf8 } from '@lucid/common/formats/bytes';
import { parseManifest } from '@lucid/common/formats/manifest';
import { parseProofBundle } from '@lucid/common/formats/proof-bundle';
import type { Run } from '../command.ts';
import { connectSignedIn } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { formatBytes, formatFields } from '../output.ts';
import { getRecording, openJournal, resolveSessionId } from '../recording/recordings.ts';

interface ExportOptions {
  readonly output?: string;
  readonly chunk?: readonly string[];
  readonly chunkFolder?: string;
  readonly plain?: string;
  readonly allowUnanchored?: boolean;
}

const downloadTimeoutMs = 120_000;

/** Downloads the bundle, and on demand stored chunks and the content itself. */
export const run: Run<ExportOptions> = async (context, output, options, name = '') => {
  const chunks = readIndexes(options);
  const sessionId = await resolveSessionId(context.config, name);
  const { client } = await connectSignedIn(context, options);
  const query = {
    ...(chunks.length > 0 ? { chunks: chunks.join(',') } : {}),
    ...(options.allowUnanchored ? {} : { require: 'anchor' as const }),
  };
  const response = await client.sessions.getBundle({ params: { sessionId }, query }, { timeoutMs: downloadTimeoutMs });
  const bundle = new Uint8Array(await response.arrayBuffer());
  parseProofBundle(bundle);
  const file = resolve(options.output ?? `${sessionId}.lucid-proof.json`);
  await writeFile(file, bundle);
  const chunkFiles =
    options.chunkFolder === undefined ? [] : await saveChunks(client, sessionId, chunks, options.chunkFolder);
  if (options.plain !== undefined) await savePlain(context, client, name, options.plain);
  output.result(
    { sessionId, file, size: bundle.length, chunkFiles, ...(options.plain ? { plain: resolve(options.plain) } : {}) },
    formatFields([
      ['bundle', `${file} (${formatBytes(bundle.length)})`],
      ...chunkFiles.map((path) => ['chunk', path] as const),
      ['content', options.plain === undefined ? undefined : resolve(options.plain)],
      ['next', `lucid verify ${file}`],
    ]),
  );
};

function readIndexes({ chunk = [], chunkFolder }: ExportOptions): number[] {
  if (chunkFolder !== undefined && chunk.length === 0) {
    throw cliError('USAGE_INVALID', '--chunk-folder needs --chunk N: which chunks?');
  }
  return chunk.map((text) => {
    if (/^\d{1,5}$/.test(text)) return Number(text);
    throw cliError('USAGE_INVALID', `--chunk takes an index, not "${text}".`);
  });
}

async function saveChunks(
  { sessions }: Pick<LucidClient, 'sessions'>,
  sessionId: string,
  chunks: readonly number[],
  folder: string,
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const files: string[] = [];
  for (const chunkIndex of chunks) {
    const response = await sessions.getChunk({ params: { sessionId, chunkIndex } }, { timeoutMs: downloadTimeoutMs });
    const file = resolve(join(folder, `${sessionId}-${chunkIndex}.chunk`));
    await writeFile(file, new Uint8Array(await response.arrayBuffer()));
    files.push(file);
  }
  return files;
}

/**
 * Writes the content, held chunk by chunk to the manifest as it was sealed here, whatever the platform says it was. The
 * key is where it was recorded, and nowhere else.
 */
async function savePlain({ config }: CliContext, { sessions }: LucidClient, name: string, file: string): Promise<void> {
  await using journal = await openJournal(await getRecording(config, name));
  if (journal.seal === undefined) throw cliError('RECORDING_NOT_FOUND', `${name} was not sealed from this machine.`);
  const manifest = parseManifest(utf8(journal.seal.manifest));
  const secret = parseHex(journal.plan.secret, 32);
  await pipeline(readSession({ sessions, manifest, secret }), createWriteStream(file, { mode: 0o600 }));
}
