import { latin1, parseLatin1, parseUtf8, utf8 } from './bytes.ts';
import { type OpenedCheckpoint, openCheckpoint } from './checkpoint.ts';
import { parseDecimal } from './decimal.ts';
import { malformed } from './malformed.ts';
import { isSamePublicKey, type NoteVerifier, parseVerifierKey } from './note.ts';

/** A verifier's trust file, https://c2sp.org/tlog-policy: `log`, `witness`, `group` and `quorum` lines. */
export interface TlogPolicy {
  readonly logs: readonly NoteVerifier[];
  readonly witnesses: readonly NoteVerifier[];
  /** What the file says of where a log or a witness (its submission prefix) is; most have none. */
  readonly urls: ReadonlyMap<NoteVerifier, string>;
  /** True when these cosigners satisfy the quorum. */
  isQuorum(cosigners: ReadonlySet<NoteVerifier>): boolean;
}

type Rule = (cosigners: ReadonlySet<NoteVerifier>) => boolean;

interface Draft {
  readonly logs: NoteVerifier[];
  readonly witnesses: NoteVerifier[];
  readonly urls: Map<NoteVerifier, string>;
  readonly rules: Map<string, Rule>;
  readonly grouped: Set<string>;
  quorum: Rule | undefined;
}

const POLICY_SIZE_MAX = 256 * 1024;

function invalid(detail: string): Error {
  return malformed('POLICY_MALFORMED', detail);
}

/** The policy that trusts one log and asks for no witness. */
export function encodeLogPolicy(vkey: string): string {
  return `log ${vkey}\nquorum none\n`;
}

/** Parses a trust file; `POLICY_MALFORMED` on any line it cannot take, `NOTE_KEY_MALFORMED` on a bad key. */
export function parsePolicy(policy: Uint8Array | string): TlogPolicy {
  const bytes = typeof policy === 'string' ? utf8(policy) : policy;
  if (bytes.length > POLICY_SIZE_MAX) throw invalid('the policy is larger than 256 KiB');
  // Names are octets, whatever they spell: one character here is one octet of the file.
  const content = latin1(bytes);
  if (/[^\t\n\u0020-\u007e\u0080-\u00ff]/u.test(content)) throw invalid('the policy has a control character');
  if (!content.endsWith('\n')) throw invalid('the last line does not end');
  const draft: Draft = {
    logs: [],
    witnesses: [],
    urls: new Map(),
    rules: new Map(),
    grouped: new Set(),
    quorum: undefined,
  };
  for (const line of content.split('\n')) {
    const words = line.split(/[ \t]+/u).filter((word) => word !== '');
    if (words.length > 0 && !words[0]?.startsWith('#')) addLine(draft, words);
  }
  const { logs, witnesses, urls, quorum } = draft;
  if (quorum === undefined) throw invalid('the policy has no quorum line');
  return { logs, witnesses, urls, isQuorum: quorum };
}

function addLine(draft: Draft, [keyword = '', ...words]: readonly string[]): void {
  switch (keyword) {
    case 'log':
      return addLog(draft, words);
    case 'witness':
      return addWitness(draft, words);
    case 'group':
      return addGroup(draft, words);
    case 'quorum':
      return setQuorum(draft, words);
    default:
      throw invalid(`a line starts with none of log, witness, group, quorum`);
  }
}

function addLog({ logs, urls }: Draft, [vkey = '', url, ...more]: readonly string[]): void {
  const log = parseKey(vkey);
  if (more.length > 0 || log.type === 0x04) throw invalid('a log line is: log <vkey of a log> [<url>]');
  if (logs.some((other) => isSamePublicKey(other, log))) throw invalid('a log is listed twice');
  if (url !== undefined) urls.set(log, parseText(url));
  logs.push(log);
}

function addWitness(draft: Draft, [name = '', vkey = '', url, ...more]: readonly string[]): void {
  const { witnesses, rules, urls } = draft;
  const witness = parseKey(vkey);
  if (more.length > 0 || witness.type === 0x01)
    throw invalid('a witness line is: witness <name> <vkey of a cosigner> [<url>]');
  if (witnesses.some((other) => isSamePublicKey(other, witness))) throw invalid('a witness is listed twice');
  define(rules, name, (cosigners) => cosigners.has(witness));
  if (url !== undefined) urls.set(witness, parseText(url));
  witnesses.push(witness);
}

/** The key's name is UTF-8, as in a note. */
function parseKey(octets: string): NoteVerifier {
  return parseVerifierKey(parseText(octets));
}

function parseText(octets: string): string {
  try {
    return parseUtf8(parseLatin1(octets));
  } catch {
    throw invalid('a key or a URL is not UTF-8');
  }
}

function define(rules: Map<string, Rule>, name: string, rule: Rule): void {
  if (name === '' || name === 'none' || rules.has(name)) throw invalid(`the name "${name}" is taken`);
  rules.set(name, rule);
}

function addGroup({ rules, grouped }: Draft, [name = '', count = '', ...names]: readonly string[]): void {
  const members = names.map((member) => {
    const rule = rules.get(member);
    if (rule === undefined || grouped.has(member)) throw invalid(`${member} is undefined here, or in a group already`);
    grouped.add(member);
    return rule;
  });
  const threshold = count === 'any' ? 1 : count === 'all' ? members.length : (parseDecimal(count) ?? 0);
  if (threshold < 1 || threshold > members.length) throw invalid('a group\u2019s threshold is from 1 to its members');
  define(rules, name, (cosigners) => members.filter((isMet) => isMet(cosigners)).length >= threshold);
}

function setQuorum(draft: Draft, [name = '', ...more]: readonly string[]): void {
  if (draft.quorum !== undefined || more.length > 0) throw invalid('a policy has one quorum line, of one name');
  draft.quorum = name === 'none' ? () => true : draft.rules.get(name);
  if (draft.quorum === undefined) throw invalid(`the quorum ${name} is not defined before it`);
}

/**
 * Opens a checkpoint under a policy: errors of `openCheckpoint`; `POLICY_QUORUM_MISSING` without enough cosignatures
 * by the policy's witnesses. Lines by keys it does not list count for nothing and against nothing: whoever hands a
 * checkpoint on may add one.
 */
export async function openTrustedCheckpoint(note: Uint8Array | string, policy: TlogPolicy): Promise<OpenedCheckpoint> {
  const checkpoint = await openCheckpoint(note, policy.logs, policy.witnesses);
  if (!policy.isQuorum(new Set(checkpoint.verified.map(({ verifier }) => verifier)))) {
    throw malformed('POLICY_QUORUM_MISSING', 'too few of the policy\u2019s witnesses have cosigned the checkpoint');
  }
  return checkpoint;
}
