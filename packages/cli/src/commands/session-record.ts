import { join, resolve } from 'node:path';
import type { LucidClient } from '@lucid/client/lucid-client';
import { writeDurably } from '@lucid/client/recorder/durable-file';
import { Journal } from '@lucid/client/recorder/journal';
import { planRecording } from '@lucid/client/recorder/plan-recording';
import { type RecordOptions as RecorderOptions, recordStream } from '@lucid/client/recorder/record';
import { isAppError } from '@lucid/common/errors';
import type { Run } from '../command.ts';
import { connectSignedIn } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { formatBytes, formatCount, formatFields, type Output } from '../output.ts';
import { inspectFile, readFileSource, readUntil } from '../recording/file-source.ts';
import { showProgress } from '../recording/progress.ts';
import {
  createRecording,
  getRecording,
  nameByTime,
  openJournal,
  type Recording,
  type RecordingSource,
} from '../recording/recordings.ts';
import { sealAndFollow } from '../recording/seal.ts';
import { choosePolicy, type PolicyOptions } from '../recording/session-policy.ts';
import { asciicastType, recordTerminal, type TerminalEnd } from '../recording/terminal-source.ts';

interface RecordOptions extends PolicyOptions {
  readonly command?: string;
  readonly resume?: string;
  readonly name?: string;
  readonly label?: readonly string[];
  readonly content: string;
  readonly recipient?: readonly string[];
  readonly retainDays: number;
  readonly chunkBytes?: number;
  readonly giveUpAfter?: number;
  readonly seal?: boolean;
  readonly json?: boolean;
}

/** Live sources are cut at least this often, so that little is lost with the machine. */
const flushAfterMs = 2000;
const sealTimeoutMs = 120_000;
const daySec = 86_400;
const chunkBytesUsual = 8 * 1024 * 1024;
/** The lower bound of `maxChunkSize`, fixed at genesis. */
const chunkBytesLeast = 1024 * 1024;

/** Records to the end of the source; interrupted at any moment, `--resume` goes on without loss or repetition. */
export const run: Run<RecordOptions> = async (context, output, options, file) => {
  verifyOptions(options, file);
  const { client } = await connectSignedIn(context, options);
  const { resume } = options;
  const recording =
    resume === undefined ? await begin(context, client, options, file) : await getRecording(context.config, resume);
  output.note(`Recording ${recording.name}`);
  await using journal = await openJournal(recording);
  const end = await record(context, output, options, { client, recording, journal });
  if (journal.chunkCount === 0) throw cliError('FILE_UNREADABLE', 'The source was empty; nothing was recorded.');
  const session = options.seal ? await sealAndFollow(client, journal, { output, timeoutMs: sealTimeoutMs }) : undefined;
  const sessionId = journal.session?.sessionId ?? '';
  const result = {
    recording: recording.name,
    sessionId,
    state: session?.state ?? 'recording',
    chunkCount: journal.chunkCount,
    plainBytes: journal.plainBytes,
    cipherBytes: journal.cipherBytes,
    ...(end ? { commandExitCode: end.exitCode, terminal: end.kind } : {}),
  };
  output.result(result, describe(result));
};

function verifyOptions({ command, resume, content, name }: RecordOptions, file: string | undefined): void {
  if (command !== undefined && file !== undefined)
    throw cliError('USAGE_INVALID', 'Record a file or a command, not both.');
  if (resume !== undefined && (file !== undefined || command !== undefined || name !== undefined)) {
    throw cliError('USAGE_INVALID', '--resume knows its source and name: give nothing else.');
  }
  if (!/^[\w.+-]+\/[\w.+-]+(;.*)?$/.test(content)) throw cliError('USAGE_INVALID', `"${content}" is not a media type.`);
}

/** Settles all that a recording says about itself, on this disk, before the platform hears of it. */
async function begin(
  { config }: CliContext,
  client: LucidClient,
  options: RecordOptions,
  file: string | undefined,
): Promise<Recording> {
  const source = await toSource(options, file);
  const me = await client.identity.getMe();
  const { policyHash, policy } = await choosePolicy(client, me, options);
  const wallet = me.wallets[0];
  const plan = await planRecording({
    policyHash,
    retention: { retainForSec: options.retainDays * daySec },
    labels: [...(options.label ?? [])],
    recipients: options.recipient ?? [],
    content: source.kind === 'terminal' ? asciicastType : options.content,
    ...(wallet === undefined ? {} : { ownerAddress: wallet.toLowerCase() }),
  });
  const recording = await createRecording(config, options.name ?? nameByTime(new Date()), source);
  if (policy) await writeDurably(join(recording.folder, 'policy.json'), `${JSON.stringify(policy, undefined, 2)}\n`);
  await using _journal = await Journal.create(recording.folder, plan);
  return recording;
}

async function toSource({ command }: RecordOptions, file: string | undefined): Promise<RecordingSource> {
  if (command !== undefined) return { kind: 'terminal', command };
  return file === undefined || file === '-' ? { kind: 'pipe' } : await inspectFile(resolve(file));
}

interface Parts {
  readonly client: LucidClient;
  readonly recording: Recording;
  readonly journal: Journal;
}

async function record(
  context: CliContext,
  output: Output,
  options: RecordOptions,
  { client, recording, journal }: Parts,
): Promise<TerminalEnd | undefined> {
  const { source } = recording;
  const signal = context.onInterrupt();
  let end: TerminalEnd | undefined;
  const bytes = openSource(context, output, options, { recording, journal, signal }, (found) => {
    end = found;
  });
  using progress = await showProgress(context, output, source);
  const recorderOptions: RecorderOptions = {
    sessions: client.sessions,
    journal,
    chunkBytes: options.chunkBytes ?? (await chooseChunkBytes(client)),
    // A live source ends at the signal, and what it gave is still sent; a file is left where it is.
    ...(source.kind === 'file' || options.resume !== undefined ? { signal } : { flushAfterMs }),
    ...(options.giveUpAfter === undefined ? {} : { giveUpAfterMs: options.giveUpAfter * 1000 }),
    onProgress: progress.update,
    onRetry: progress.waiting,
  };
  try {
    await recordStream(bytes, recorderOptions);
  } catch (error) {
    if (!isAppError(error) && !signal.aborted) throw error;
    output.note(`\nGo on with: lucid session record --resume ${recording.name}`);
    throw signal.aborted ? signal.reason : error;
  }
  return end;
}

/** As large as is usual, within what governance allows now; the least it could ever allow when it cannot be asked. */
async function chooseChunkBytes({ chain }: LucidClient): Promise<number> {
  try {
    const { value } = await chain.getParam({ params: { key: 'maxChunkSize' } });
    return Math.min(chunkBytesUsual, Number(value));
  } catch (error) {
    if (isAppError(error)) return chunkBytesLeast;
    throw error;
  }
}

/** The source from where the journal ends. A pipe or a terminal cannot be had again: only what is kept is sent. */
async function* openSource(
  { stdin, stdout, stderr }: CliContext,
  output: Output,
  { resume }: RecordOptions,
  { recording: { source }, journal, signal }: Pick<Parts, 'recording' | 'journal'> & { readonly signal: AbortSignal },
  onEnd: (end: TerminalEnd) => void,
): AsyncGenerator<Uint8Array> {
  if (source.kind === 'file') {
    yield* readFileSource(source, journal.plainBytes);
    return;
  }
  if (resume !== undefined) return;
  if (source.kind === 'pipe') {
    yield* readUntil(stdin, signal);
    return;
  }
  const { columns = 80, rows = 24 } = stdout.isTTY ? stdout : {};
  const echo = (bytes: Uint8Array): void => {
    if (output.isChatty) stderr.write(bytes);
  };
  yield* recordTerminal({ command: source.command, columns, rows, isInteractive: stdin.isTTY, signal, echo, onEnd });
}

function describe(result: {
  readonly recording: string;
  readonly sessionId: string;
  readonly state: string;
  readonly chunkCount: number;
  readonly plainBytes: number;
  readonly commandExitCode?: number;
}): string {
  const next =
    result.state === 'recording'
      ? `lucid session seal ${result.recording}`
      : `lucid session export ${result.recording}`;
  return formatFields([
    ['recording', result.recording],
    ['session', result.sessionId],
    ['state', result.state],
    ['recorded', `${formatBytes(result.plainBytes)} in ${formatCount(result.chunkCount, 'chunk')}`],
    ['command', result.commandExitCode === undefined ? undefined : `ended with status ${result.commandExitCode}`],
    ['next', next],
  ]);
}
