import { readFile } from 'node:fs/promises';
import { encodeCosignature } from '@lucid/common/formats/cosignature';
import { encodeSignatureLine, type NoteVerifier } from '@lucid/common/formats/note';
import { parsePolicy, type TlogPolicy } from '@lucid/common/formats/policy';
import { startError } from '../errors.ts';

/** What the slot of a published checkpoint and a receipt in a proof leave for witnesses' lines. */
const linesBytesMax = 58_000;
/** A note has at most 100 lines, some of them the log's. */
const linesMax = 90;

/**
 * Reads the policy a log's checkpoints must meet before they are published. Throws LEDGER_WITNESS_POLICY_INVALID when
 * it is no c2sp.org/tlog-policy, or could not be met: too few of its witnesses say where they are, or there are too many.
 */
export async function readWitnessPolicy(path: string): Promise<TlogPolicy> {
  const policy = await parseFile(path);
  const odd = [...policy.urls].find(([key, url]) => policy.witnesses.includes(key) && !isSubmissionPrefix(url));
  if (odd) throw invalid(`${odd[1]} is no http or https address.`);
  if (!policy.isQuorum(new Set(policy.witnesses.filter((witness) => policy.urls.has(witness))))) {
    throw invalid('Its quorum needs witnesses whose lines have no URL.');
  }
  const lineBytes = policy.witnesses.map(lineBytesOf).reduce((sum, bytes) => sum + bytes, 0);
  if (policy.witnesses.length > linesMax || lineBytes > linesBytesMax) {
    throw invalid(`Its witnesses' signatures would not fit: ${linesMax} and ${linesBytesMax} bytes at most.`);
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

function lineBytesOf({ name, keyId, type }: NoteVerifier): number {
  const signature = encodeCosignature({ timestampSec: 0, signature: new Uint8Array(type === 0x06 ? 2420 : 64) });
  return Buffer.byteLength(encodeSignatureLine({ name, keyId, signature }));
}

function isSubmissionPrefix(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.search === '' && parsed.hash === '';
}

function invalid(detail: string, cause?: unknown): Error {
  return startError('LEDGER_WITNESS_POLICY_INVALID', detail, cause);
}
