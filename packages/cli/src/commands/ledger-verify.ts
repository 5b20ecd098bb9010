import { readFile } from 'node:fs/promises';
import { encodeLogProgress, type LogProgress, parseLogProgress } from '@lucid/client/log/log-progress';
import { verifyLog } from '@lucid/client/log/verify-log';
import { writeDurably } from '@lucid/client/recorder/durable-file';
import type { Run } from '../command.ts';
import { exitCodes } from '../errors.ts';
import { showEntries } from '../ledger/entry-bar.ts';
import { type LogOptions, openLocation, readPolicy } from '../ledger/log-location.ts';
import { formatVerification, verificationResult } from '../ledger/verification.ts';
import { isErrno } from '../setup/private-file.ts';
import { readInput } from '../trust.ts';

interface VerifyOptions extends LogOptions {
  readonly earlier?: readonly string[];
  readonly state?: string;
  readonly parallel: number;
}

/** Between two writes of the state file, ms: what a run that dies has to do again. */
const stateEveryMs = 2000;

/** Verifies a whole log; exit code 6 when something does not hold. */
export const run: Run<VerifyOptions> = async (context, output, options, name) => {
  const policy = await readPolicy(context, options);
  using bar = await showEntries(context, output);
  const { source } = await openLocation(context, options, name, bar.away);
  const earlier = await Promise.all((options.earlier ?? []).map((file) => readInput(file)));
  const state = new StateFile(options.state);
  const progress = await state.read();
  try {
    const report = await verifyLog({
      source,
      policy,
      earlier,
      concurrency: options.parallel,
      signal: context.onInterrupt(),
      ...(progress ? { progress } : {}),
      onProgress: async (at) => {
        bar.update(at.entryCount, at.treeSize, at.byteCount);
        await state.advance(at.progress);
      },
    });
    await state.advance(() => report.progress);
    bar[Symbol.dispose]();
    output.result(verificationResult(report), formatVerification(report, source.name));
    return report.ok ? exitCodes.ok : exitCodes.unproven;
  } finally {
    await state.write();
  }
};

/** The file that says how far a log is verified. */
class StateFile {
  readonly #path: string | undefined;
  #latest: (() => LogProgress | undefined) | undefined;
  #writtenAt = performance.now();

  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** @throws LOG_STATE_DAMAGED */
  async read(): Promise<LogProgress | undefined> {
    if (this.#path === undefined) return undefined;
    try {
      return parseLogProgress(await readFile(this.#path));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async advance(progress: () => LogProgress | undefined): Promise<void> {
    this.#latest = progress;
    if (performance.now() - this.#writtenAt > stateEveryMs) await this.write();
  }

  /** Keeps where the run is; nothing once a problem was found. */
  async write(): Promise<void> {
    const progress = this.#latest?.();
    if (this.#path !== undefined && progress) await writeDurably(this.#path, encodeLogProgress(progress));
    this.#writtenAt = performance.now();
  }
}
