import { readFile } from 'node:fs/promises';
import { DeclaredTunnels } from '@lucid/common/apis/tunnels-schemas';
import { AppError } from '@lucid/common/errors';
import { mismatches } from '@lucid/common/http/validation';
import { parse } from 'yaml';
import type { ReadDeclared } from '../domain/declared-file.ts';

const bytesMax = 65_536;

/** Reads the operator's file of tunnels. @throws TUNNELS_FILE_INVALID */
export function tunnelsFile(path: string): ReadDeclared {
  return async () => {
    const { tunnels } = parseTunnels(path, await readText(path));
    const names = tunnels.map(({ name }) => name);
    const repeated = names.find((name, index) => names.indexOf(name) !== index);
    if (repeated !== undefined) throw invalid(path, `${repeated} is declared twice`);
    return tunnels;
  };
}

async function readText(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw invalid(path, cause instanceof Error ? cause.message : 'it cannot be read', cause);
  }
  if (text.length > bytesMax) throw invalid(path, `it is longer than ${bytesMax} characters`);
  return text;
}

function parseTunnels(path: string, text: string) {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0, schema: 'core' });
  } catch (cause) {
    throw invalid(path, cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : 'it is no YAML', cause);
  }
  const problems = mismatches(DeclaredTunnels, value);
  if (problems.length > 0) throw invalid(path, problems.join('; '));
  return value as { tunnels: Awaited<ReturnType<ReadDeclared>> };
}

function invalid(path: string, detail: string, cause?: unknown): AppError {
  return new AppError('TUNNELS_FILE_INVALID', `${path}: ${detail}`, { cause });
}
