import { isAppError } from '@lucid/common/errors';
import { ApiError } from '@lucid/common/http/client';
import type { CliContext, GlobalOptions } from './context.ts';
import { hintFor } from './errors.ts';

/** Where results and remarks go: results to standard output, all else to standard error. */
export interface Output {
  /** Whether a person reads along. */
  readonly isChatty: boolean;
  readonly isJson: boolean;
  /** The command's result: `value` as JSON, or its text for people. */
  result(value: unknown, text: string): void;
  /** A remark for people. */
  note(text: string): void;
}

export function createOutput(
  { stdout, stderr }: Pick<CliContext, 'stdout' | 'stderr'>,
  options: GlobalOptions,
): Output {
  const { json: isJson = false, quiet = false } = options;
  const isChatty = !isJson && !quiet;
  return {
    isChatty,
    isJson,
    result: (value, text) =>
      void stdout.write(isJson ? `${JSON.stringify(value, undefined, 2)}\n` : withLineEnd(defuse(text))),
    note: (text) => {
      if (isChatty) stderr.write(withLineEnd(defuse(text)));
    },
  };
}

/** Without control characters: names and reasons are others' words, and must not steer the terminal. */
function defuse(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, '\u{FFFD}');
}

function withLineEnd(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** An error for people, or for programs: what it is called, what it means, what to do. Never a stack. */
export function formatError(error: unknown, isJson: boolean): string {
  const code = isAppError(error) ? error.code : 'INTERNAL';
  const detail = error instanceof Error ? error.message : String(error);
  const requestId = error instanceof ApiError ? error.requestId : undefined;
  const hint = hintFor(error);
  if (isJson) return `${JSON.stringify({ error: { code, detail, requestId, hint } }, undefined, 2)}\n`;
  const lines = [`error: ${detail} (${code}${requestId === undefined ? '' : `, request ${requestId}`})`];
  if (hint !== undefined) lines.push(`hint: ${hint}`);
  return `${defuse(lines.join('\n'))}\n`;
}

/** Names and values, one a line, aligned. */
export function formatFields(fields: readonly (readonly [name: string, value: string | number | undefined])[]): string {
  const shown = fields.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}

/** Rows under a header, columns aligned. */
export function formatTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_name, column) => Math.max(...lines.map((row) => (row[column] ?? '').length)));
  return lines
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** A number of things for people: `1 chunk`, `2 chunks`. */
export function formatCount(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** Bytes for people: `12.3 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}
