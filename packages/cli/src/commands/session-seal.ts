import type { Run } from '../command.ts';
import { connectSignedIn } from '../connection.ts';
import { getRecording, openJournal } from '../recording/recordings.ts';
import { sealAndFollow } from '../recording/seal.ts';
import { formatSession } from './session-show.ts';

interface SealOptions {
  readonly wait: boolean;
  readonly timeout: number;
}

/** Seals a finished recording; sealing it again finds the same seal. */
export const run: Run<SealOptions> = async (context, output, options, name = '') => {
  const recording = await getRecording(context.config, name);
  const { client } = await connectSignedIn(context, options);
  await using journal = await openJournal(recording);
  const timeoutMs = options.wait ? options.timeout * 1000 : 0;
  const session = await sealAndFollow(client, journal, { output, timeoutMs });
  output.result(session, formatSession(session));
};
