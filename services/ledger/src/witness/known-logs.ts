import { AppError } from '@lucid/common/errors';
import { parseDecimal } from '@lucid/common/formats/decimal';
import { type NoteVerifier, parseVerifierKey } from '@lucid/common/formats/note';

/** A log that a witness cosigns. */
export type KnownLog = {
  readonly origin: string;
  /** Any of them speaks for the log. */
  readonly keys: readonly NoteVerifier[];
  /** New checkpoints a day, at most; undefined leaves it to the witness. */
  readonly perDay: number | undefined;
};

type Draft = { key: NoteVerifier; origin: string; perDay: number | undefined };

/**
 * Parses a list of logs as public witness networks publish them: a line `logs/v0`, then for each log `vkey <vkey>`, and
 * where they differ `origin <origin>` (the key's name unless given) and `qpd <checkpoints a day>`; `contact` and `#`
 * lines are for people. Logs of one origin are one log with several keys. Throws WITNESS_LOGS_MALFORMED with the line's
 * number.
 */
export function parseKnownLogs(text: string): ReadonlyMap<string, KnownLog> {
  const drafts: Draft[] = [];
  const lines = text.split('\n').map((line) => line.trim());
  const first = lines.findIndex((line) => line !== '' && !line.startsWith('#'));
  if (first < 0 || lines[first] !== 'logs/v0') throw malformed(Math.max(first, 0), 'the list begins with logs/v0');
  for (const [index, line] of lines.entries()) {
    if (index > first && line !== '' && !line.startsWith('#')) addLine(drafts, index, line);
  }
  const logs = new Map<string, KnownLog>();
  for (const { origin, key, perDay } of drafts) {
    const same = logs.get(origin);
    logs.set(origin, { origin, keys: [...(same?.keys ?? []), key], perDay: perDay ?? same?.perDay });
  }
  return logs;
}

function addLine(drafts: Draft[], index: number, line: string): void {
  const [keyword = ''] = line.split(' ', 1);
  const value = line.slice(keyword.length).trim();
  if (keyword === 'vkey') return void drafts.push(parseLog(index, value));
  const draft = drafts.at(-1);
  if (draft === undefined) throw malformed(index, 'a log begins with its vkey');
  const perDay = parseDecimal(value);
  if (keyword === 'origin' && value !== '') draft.origin = value;
  else if (keyword === 'qpd' && perDay !== undefined && perDay > 0) draft.perDay = perDay;
  else if (keyword !== 'contact') throw malformed(index, 'a line is none of vkey, origin, qpd, contact');
}

function parseLog(index: number, vkey: string): Draft {
  let key: NoteVerifier;
  try {
    key = parseVerifierKey(vkey);
  } catch (cause) {
    throw malformed(index, 'the vkey is malformed', cause);
  }
  if (key.type === 0x04) throw malformed(index, "the vkey is a witness's, not a log's");
  return { key, origin: key.name, perDay: undefined };
}

function malformed(index: number, detail: string, cause?: unknown): AppError {
  return new AppError('WITNESS_LOGS_MALFORMED', `Line ${index + 1}: ${detail}`, cause === undefined ? {} : { cause });
}
