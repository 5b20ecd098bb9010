import { version } from '../version.ts';
import type { Finding } from './finding.ts';
import { type Host, isContainer } from './host.ts';
import { findListener } from './listener.ts';

/** The ports published on loopback, and whose they are. */
const publishedPorts: Readonly<Record<string, number>> = {
  'openapi-gateway': 8080,
  'openapi-server': 8081,
  gateway: 8082,
  api: 8083,
  'blockchain-api': 8084,
  governance: 8085,
  ledger: 8086,
  sessions: 8087,
  vm: 8088,
};

const timeoutMs = 2000;
/** No answer of ours is longer, characters; whoever else has the port may never end. */
const answerLengthMax = 8 * 2 ** 20;

/** Looks at every port of the platform on this machine: free, a service of ours and its state, or somebody else. */
export async function checkPorts(host: Host): Promise<Finding[]> {
  if (isContainer(host)) {
    const why = 'A port that another program has keeps its service from starting.';
    return [{ id: 'ports', severity: 'info', found: 'The machine’s ports cannot be seen from a container.', why }];
  }
  return await Promise.all(Object.entries(publishedPorts).map(([service, port]) => checkPort(host, service, port)));
}

/** One port, on loopback. */
export async function checkPort(host: Host, service: string, port: number): Promise<Finding> {
  const id = `port-${port}`;
  const why = `It is ${service}’s: a port that another program has keeps the service from starting.`;
  const url = `http://127.0.0.1:${port}`;
  const answer = await readJson(`${url}/readyz`);
  if (answer.kind === 'nobody') return { id, severity: 'info', found: 'Free: nothing listens on it.', why };
  const report = answer.kind === 'json' ? parseReport(answer.value) : undefined;
  if (!report) {
    const holder = findListener(host, port);
    const who = typeof holder === 'object' ? `${holder.name} (process ${holder.pid})` : 'another program';
    const fix = `Stop it, or find out more: sudo ss -ltnp 'sport = :${port}'`;
    return { id, severity: 'fail', found: `Taken by ${who}.`, why, fix };
  }
  const theirs = parseVersion(await readJson(`${url}/openapi.json`));
  const name = `${service}${theirs === undefined ? '' : ` ${theirs}`}`;
  if (!report.isReady) {
    const found = `${name} is not ready: ${report.failing.join(', ') || 'it does not say why'}.`;
    return { id, severity: 'fail', found, why, fix: `docker compose logs ${service}` };
  }
  if (theirs === undefined || theirs === version) return { id, severity: 'ok', found: `${name} is ready.`, why };
  const fix = 'Use the images and the command of one release.';
  return { id, severity: 'warn', found: `${name} is ready, but this command is ${version}.`, why, fix };
}

type Answer = { readonly kind: 'nobody' | 'other' } | { readonly kind: 'json'; readonly value: unknown };

async function readJson(url: string): Promise<Answer> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
    return { kind: 'json', value: JSON.parse(await readText(response)) as unknown };
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const isRefused = cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
    return { kind: isRefused ? 'nobody' : 'other' };
  }
}

async function readText({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > answerLengthMax) throw new Error('the answer is too long');
  }
  return text + decoder.decode();
}

function parseReport(value: unknown): { readonly isReady: boolean; readonly failing: string[] } | undefined {
  const { status, checks } = (value ?? {}) as {
    status?: unknown;
    checks?: Record<string, { ok?: boolean; detail?: string } | null> | null;
  };
  if (typeof status !== 'string' || typeof checks !== 'object' || checks === null) return undefined;
  const failing: string[] = [];
  for (const [name, check] of Object.entries(checks)) {
    if (check === null) return undefined;
    if (check.ok !== true) failing.push(`${name}${check.detail ? ` (${check.detail})` : ''}`);
  }
  return { isReady: status === 'ready', failing };
}

function parseVersion(answer: Answer): string | undefined {
  const document = answer.kind === 'json' ? (answer.value as { info?: { version?: unknown } } | null) : undefined;
  const found = document?.info?.version;
  return typeof found === 'string' ? found : undefined;
}
