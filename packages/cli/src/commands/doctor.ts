import { resolve } from 'node:path';
import type { Run } from '../command.ts';
import { type Finding, type Profile, weigh, worstOf } from '../doctor/finding.ts';
import { openHost } from '../doctor/host.ts';
import { parseParts, preflight } from '../doctor/preflight.ts';
import { cliError, type ExitCode, exitCodes } from '../errors.ts';

interface DoctorOptions {
  readonly root?: string;
  readonly profile: Profile;
  readonly preflight?: boolean;
  readonly with?: readonly string[];
}

/** Looks the machine and the platform over; ends with what the worst finding means. */
export const run: Run<DoctorOptions> = async ({ config }, output, options) => {
  const { profile } = options;
  const parts = parseParts(options.with ?? []);
  const host = openHost();
  if (options.root === undefined) throw cliError('USAGE_INVALID', 'Name the platform’s folder: --root FOLDER.');
  const findings = weigh(preflight(host, resolve(options.root), parts), profile, config.allowed);
  output.result({ status: worstOf(findings), findings }, describe(findings, options.preflight === true));
  return exitCodeOf(findings);
};

function exitCodeOf(findings: readonly Finding[]): ExitCode {
  return worstOf(findings) === 'fail' ? exitCodes.local : exitCodes.ok;
}

/** A line a finding; of those that need it also why and what to do. */
function describe(findings: readonly Finding[], isBrief: boolean): string {
  const shown = isBrief ? findings.filter(({ severity }) => severity === 'warn' || severity === 'fail') : findings;
  const width = Math.max(...findings.map(({ id }) => id.length));
  const lines = shown.flatMap(({ id, severity, found, why, fix }) => {
    const head = `${severity.toUpperCase().padEnd(4)}  ${id.padEnd(width)}  ${found}`;
    const indent = ' '.repeat(width + 8);
    if (severity === 'ok' || severity === 'info') return [head];
    return [head, `${indent}why: ${why}`, ...(fix === undefined ? [] : [`${indent}fix: ${fix}`])];
  });
  return `${[...lines, summarise(findings)].join('\n')}\n`;
}

function summarise(findings: readonly Finding[]): string {
  const count = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
  return `${count('ok')} ok, ${count('info')} to know, ${count('warn')} warnings, ${count('fail')} failures`;
}
