import { createHttpSource } from '@lucid/client/log/http-source';
import { encodeLogProgress, parseLogProgress } from '@lucid/client/log/log-progress';
import { type LogVerification, verifyLog } from '@lucid/client/log/verify-log';
import { utf8 } from '@lucid/common/formats/bytes';
import { parsePolicy } from '@lucid/common/formats/policy';

// The script of a page that verifies a whole log.

export interface LogCall {
  readonly url: string;
  readonly policy: string;
  readonly earlier?: readonly string[];
  /** As a page keeps it: text. */
  readonly state?: string;
}

/** What a page shows; `state` is what it keeps for the next time. */
export type LogAnswer = Omit<LogVerification, 'progress'> & { readonly state: string | undefined };

export async function verifyWholeLog({ url, policy, earlier = [], state }: LogCall): Promise<LogAnswer> {
  const { progress, ...report } = await verifyLog({
    source: createHttpSource({ url, attemptsMax: 1 }),
    policy: parsePolicy(policy),
    earlier,
    ...(state === undefined ? {} : { progress: parseLogProgress(utf8(state)) }),
  });
  return { ...report, state: progress && encodeLogProgress(progress) };
}
