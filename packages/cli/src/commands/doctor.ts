import { resolve } from 'node:path';
import { isAppError } from '@lucid/common/errors';
import type { Run } from '../command.ts';
import { defaultGatewayUrl } from '../config.ts';
import { connect, gatewayUrlOf, routeTo, tunnelToolsUrlOf } from '../connection.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { type Finding, type Profile, weigh, worstOf } from '../doctor/finding.ts';
import { openHost } from '../doctor/host.ts';
import { parseParts } from '../doctor/parts.ts';
import { preflight } from '../doctor/preflight.ts';
import { cliError, exitCodes } from '../errors.ts';
import { formatCount } from '../output.ts';
import { type NameRoot, nameRoot } from '../root-name.ts';

interface DoctorOptions {
  readonly root?: string;
  readonly profile: Profile;
  readonly preflight?: boolean;
  readonly with?: readonly string[];
  readonly ntp?: string;
}

/** Looks the machine and the platform over; ends with what the worst finding means. */
export const run: Run<DoctorOptions> = async (context, output, options) => {
  const { profile } = options;
  const parts = parseParts(options.with ?? []);
  const root = options.root === undefined ? undefined : resolve(options.root);
  const host = openHost();
  const name = root === undefined ? (text: string) => text : nameRoot(root, context.config.hostRoot);
  const judge = (findings: readonly Finding[]) =>
    weigh(findings, profile, context.config.allowed).map((finding) => nameIn(finding, name));
  if (options.preflight) {
    if (root === undefined) throw cliError('USAGE_INVALID', 'Name the platform’s folder: --root FOLDER.');
    const findings = judge(preflight(host, root, parts));
    output.result({ status: worstOf(findings), findings }, describe(findings, ['warn', 'fail']));
    return worstOf(findings) === 'fail' ? exitCodes.local : exitCodes.ok;
  }
  const { examineMachine } = await import('../doctor/examine.ts');
  const ofMachine = judge(await examineMachine(host, { root, parts, ntpHost: options.ntp }));
  const ofPlatform = judge(await examinePlatform(context, options, root));
  const findings = [...ofMachine, ...ofPlatform];
  output.result({ status: worstOf(findings), findings }, describe(findings));
  if (worstOf(ofMachine) === 'fail') return exitCodes.local;
  return worstOf(ofPlatform) === 'fail' ? exitCodes.unavailable : exitCodes.ok;
};

function nameIn(finding: Finding, name: NameRoot): Finding {
  const { found, fix } = finding;
  return { ...finding, found: name(found), ...(fix === undefined ? {} : { fix: name(fix) }) };
}

async function examinePlatform(
  context: CliContext,
  options: GlobalOptions,
  root: string | undefined,
): Promise<Finding[]> {
  const { checkPlatform } = await import('../doctor/platform.ts');
  const { checkPorts } = await import('../doctor/ports.ts');
  const { checkTor } = await import('../doctor/tor.ts');
  const token = (await withoutHome(() => connect(context, options)))?.token;
  const gatewayUrl = (await withoutHome(() => gatewayUrlOf(context, options))) ?? defaultGatewayUrl;
  const route = await routeTo(context, options, gatewayUrl);
  const isNamed = (options.tunnels ?? context.config.tunnelToolsUrl) !== undefined;
  const [platform, ports, tor] = await Promise.all([
    checkPlatform(gatewayUrl, root, route),
    checkPorts(openHost()),
    checkTor({ url: tunnelToolsUrlOf(context, options), isNamed, token }),
  ]);
  return [...platform, ...ports, ...tor];
}

/** Asks for what may need the credentials kept in a home folder; undefined where there is none, or nothing fit. */
async function withoutHome<T>(get: () => Promise<T>): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if (isAppError(error) && (error.code === 'HOME_MISSING' || error.code === 'CREDENTIALS_INVALID')) return undefined;
    throw error;
  }
}

/** A line a finding; of those that warn or fail also why and what to do. */
function describe(findings: readonly Finding[], shown?: readonly string[]): string {
  const width = Math.max(...findings.map(({ id }) => id.length));
  const lines = findings.flatMap(({ id, severity, found, why, fix }) => {
    if (shown?.includes(severity) === false) return [];
    const head = `${severity.toUpperCase().padEnd(4)}  ${id.padEnd(width)}  ${found}`;
    const indent = ' '.repeat(width + 8);
    if (severity === 'ok' || severity === 'info') return [head];
    return [head, `${indent}why: ${why}`, ...(fix === undefined ? [] : [`${indent}fix: ${fix}`])];
  });
  return `${[...lines, summarise(findings)].join('\n')}\n`;
}

function summarise(findings: readonly Finding[]): string {
  const count = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
  const [warnings, failures] = [formatCount(count('warn'), 'warning'), formatCount(count('fail'), 'failure')];
  return `${count('ok')} ok, ${count('info')} to know, ${warnings}, ${failures}`;
}
