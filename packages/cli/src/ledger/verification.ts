import { logProblems } from '@lucid/client/log/log-errors';
import type { LogVerification } from '@lucid/client/log/verify-log';
import { formatBytes, formatCount, formatFields } from '../output.ts';

/** A problem's own advice; undefined for what a checkpoint or a policy is refused with. */
function adviceFor(code: string): string | undefined {
  return Object.entries(logProblems).find(([known]) => known === code)?.[1].advice;
}

/** What a program gets: bytes of the state are the state file's affair. */
export function verificationResult(report: LogVerification) {
  const problems = report.problems.map((problem) => ({ ...problem, advice: adviceFor(problem.code) }));
  return { ...report, problems, progress: undefined };
}

export function formatVerification(report: LogVerification, name: string): string {
  const { ok, treeSize, entryCount, fileCount, byteCount, resumedAt, containedSizes, problems } = report;
  const fields = formatFields([
    ['log', report.origin ?? name],
    ['entries', treeSize],
    ['root', report.rootHash],
    ['signed by', report.signers.join(', ') || undefined],
    [
      'read',
      `${formatCount(entryCount, 'entry').replace('entrys', 'entries')} in ${formatCount(fileCount, 'file')}, ${formatBytes(byteCount)}`,
    ],
    ['went on from', resumedAt === 0 ? undefined : `entry ${resumedAt}`],
    ['contains', containedSizes.length === 0 ? undefined : `the trees of ${containedSizes.join(', ')} entries`],
  ]);
  const lines = problems.flatMap(({ code, detail }) => {
    const advice = adviceFor(code);
    return [`FAILED  ${code}: ${detail}`, ...(advice === undefined ? [] : [`        ${advice}`])];
  });
  return [fields, ...lines, ok ? 'VERIFIED' : 'NOT VERIFIED'].join('\n');
}
