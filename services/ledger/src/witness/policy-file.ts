import { readFile } from 'node:fs/promises';
import { parsePolicy, type TlogPolicy } from '@lucid/common/formats/policy';
import { startError } from '../errors.ts';

/**
 * Reads the policy a log's checkpoints must meet before they are published. Throws LEDGER_WITNESS_POLICY_INVALID when
 * it is no c2sp.org/tlog-policy, or could not be met: too few of its witnesses say where they are.
 */
export async function readWitnessPolicy(path: string): Promise<TlogPolicy> {
  const policy = await parseFile(path);
  const odd = [...policy.urls].find(([key, url]) => policy.witnesses.includes(key) && !isSubmissionPrefix(url));
  if (odd) throw invalid(`${odd[1]} is no http or https address.`);
  if (!policy.isQuorum(new Set(policy.witnesses.filter((witness) => policy.urls.has(witness))))) {
    throw invalid('Its quorum needs witnesses whose lines have no URL.');
  }
  return policy;
}

async function parseFile(path: string): Promise<TlogPolicy> {
  try {
    return parsePolicy(await readFile(path));
  } catch (cause) {
    throw invalid(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function isSubmissionPrefix(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.search === '' && parsed.hash === '';
}

function invalid(detail: string, cause?: unknown): Error {
  return startError('LEDGER_WITNESS_POLICY_INVALID', detail, cause);
}
