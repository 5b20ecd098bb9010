import { verifyBundle } from '@lucid/client/verify';
import { isAppError } from '@lucid/common/errors';
import type { ProofReport } from '@lucid/common/formats/verify-proof';
import type { Run } from '../command.ts';
import { gatewayUrlOf } from '../connection.ts';
import { cliError, exitCodes } from '../errors.ts';
import { formatCount } from '../output.ts';
import { readInput, requireTrust } from '../trust.ts';

interface VerifyOptions {
  readonly chunk?: string;
  readonly index?: number;
  readonly trust?: string;
  readonly chainId?: number;
  readonly requireAnchor?: boolean;
}

/** Verifies a bundle with no network; exit code 6 when a step does not hold. */
export const run: Run<VerifyOptions> = async (context, output, options, bundleFile = '') => {
  const { chainId, requireAnchor } = options;
  const chunk = await readChunk(options);
  const policy = await requireTrust(context, options.trust, await gatewayUrlOf(context, options));
  const bundle = await readInput(bundleFile);
  const report = await verify(bundle, {
    policy,
    ...(chainId === undefined ? {} : { chainId }),
    ...(requireAnchor === undefined ? {} : { requireAnchor }),
    ...(chunk === undefined ? {} : { chunk }),
  });
  output.result(report, formatReport(report));
  return report.ok ? exitCodes.ok : exitCodes.unproven;
};

async function readChunk({ chunk, index }: VerifyOptions) {
  if (chunk === undefined && index === undefined) return undefined;
  if (chunk === undefined || index === undefined) {
    throw cliError('USAGE_INVALID', '--chunk FILE and --index N go together.');
  }
  return { chunkIndex: index, bytes: new Uint8Array(await readInput(chunk)) };
}

/** A trust file that is none is a fault of the command line, not of the bundle. */
async function verify(...args: Parameters<typeof verifyBundle>): Promise<ProofReport> {
  try {
    return await verifyBundle(...args);
  } catch (cause) {
    if (!isAppError(cause)) throw cause;
    throw cliError('FILE_UNREADABLE', `The trust file is not a tlog-policy: ${cause.message}.`, { cause });
  }
}

function formatReport({ ok, steps, anchor, manifest }: ProofReport): string {
  const width = Math.max(...steps.map(({ step }) => step.length));
  const lines = steps.map((step) => {
    const mark = step.ok ? 'ok    ' : 'FAILED';
    return `${mark}  ${step.step.padEnd(width)}  ${step.ok ? '' : `${step.code}: `}${step.detail}`;
  });
  const when = anchor ? `, anchored ${new Date(anchor.anchoredAt * 1000).toISOString()}` : '';
  const verdict = ok
    ? `VERIFIED: session ${manifest?.sessionId}, ${formatCount(manifest?.chunkCount ?? 0, 'chunk')}, ended ${manifest?.endedAt}${when}`
    : 'NOT VERIFIED';
  return `${lines.join('\n')}\n\n${verdict}`;
}
