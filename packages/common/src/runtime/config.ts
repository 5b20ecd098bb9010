import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { AppError } from '../errors.ts';

/**
 * One variable of the environment. The unit is in the name: `_MS`, `_BYTES`, `_PORT`, `_URL`, `_FILE`, `_DIR`.
 * Without `default` it is required, unless `optional` says that its absence means something.
 */
export type Variable = StringVariable | NumberVariable | BooleanVariable | EnumVariable | SecretVariable;

type Common = {
  /** The name in the environment. */
  readonly name: string;
  /** One line for the README's table. */
  readonly doc: string;
  readonly optional?: true;
};
type StringVariable = Common & { readonly type: 'string' | 'url' | 'path'; readonly default?: string };
type NumberVariable = Common & {
  readonly type: 'integer' | 'port' | 'durationMs' | 'bytes';
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
};
type BooleanVariable = Common & { readonly type: 'boolean'; readonly default?: boolean };
type EnumVariable = Common & { readonly type: 'enum'; readonly values: readonly string[]; readonly default?: string };
/** The variable names a file; the value is the file's content, wrapped so that it cannot be printed by accident. */
type SecretVariable = Common & { readonly type: 'secretFile' };

/** Keys are the properties of the loaded config. */
export type ConfigSchema = Readonly<Record<string, Variable>>;

type ValueOf<V extends Variable> = V extends { type: 'integer' | 'port' | 'durationMs' | 'bytes' }
  ? number
  : V extends { type: 'boolean' }
    ? boolean
    : V extends { type: 'enum'; values: readonly (infer Name)[] }
      ? Name
      : V extends { type: 'secretFile' }
        ? Secret
        : string;

/** What `loadConfig` gives for a schema. */
export type Config<S extends ConfigSchema> = {
  readonly [K in keyof S]: S[K] extends { optional: true } ? ValueOf<S[K]> | undefined : ValueOf<S[K]>;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** A secret's content. Printing, inspecting or serialising it shows `[secret]`; only `reveal` gives it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The content, without the newline a text editor leaves at the end. */
  reveal(): string {
    return this.#value;
  }

  toJSON(): string {
    return '[secret]';
  }

  toString(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** Declares a schema, keeping its literal types; asserts that names carry their unit and are used once. */
export function defineConfig<const S extends ConfigSchema>(schema: S): S {
  const seen = new Set<string>();
  for (const variable of Object.values(schema)) {
    assert.match(variable.name, /^[A-Z][A-Z0-9_]*$/, `${variable.name}: names are upper case`);
    assert.ok(!seen.has(variable.name), `${variable.name} is declared twice`);
    assert.ok(variable.doc.length > 0, `${variable.name} has no doc line`);
    const suffix = suffixes[variable.type];
    if (suffix) assert.match(variable.name, suffix, `${variable.name}: a ${variable.type} ends in ${suffix.source}`);
    seen.add(variable.name);
  }
  return schema;
}

const suffixes: Partial<Record<Variable['type'], RegExp>> = {
  durationMs: /_MS$/,
  bytes: /_BYTES$/,
  port: /_PORT$/,
  url: /_URL$/,
  path: /_(DIR|PATH|FILE)$/,
  secretFile: /_FILE$/,
};

/**
 * Reads every variable of the schema from `env`, once. Throws CONFIG_INVALID with all problems together, each saying
 * what to do; the result is frozen. An empty value counts as absent.
 */
export function loadConfig<const S extends ConfigSchema>(schema: S, env: Environment): Config<S> {
  const problems: { name: string; detail: string }[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, variable] of Object.entries(schema)) {
    try {
      values[key] = readVariable(variable, env[variable.name]);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.push({ name: variable.name, detail: error.message });
    }
  }
  if (problems.length > 0) {
    const list = problems.map((problem) => `  ${problem.name}: ${problem.detail}`).join('\n');
    throw new AppError('CONFIG_INVALID', `The configuration has ${problems.length} problem(s):\n${list}`, {
      data: { problems },
    });
  }
  return Object.freeze(values) as Config<S>;
}

/** Internal: a sentence about one variable, gathered by `loadConfig`. */
class Problem extends Error {}

function readVariable(variable: Variable, text: string | undefined): unknown {
  if (text === undefined || text === '') {
    if ('default' in variable && variable.default !== undefined) return variable.default;
    if (variable.optional) return undefined;
    throw new Problem(`is required. ${variable.doc}${variable.type === 'secretFile' ? ' (path of a file)' : ''}`);
  }
  switch (variable.type) {
    case 'integer':
    case 'port':
    case 'durationMs':
    case 'bytes':
      return parseNumber(variable, text);
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true';
      throw new Problem('must be "true" or "false"');
    case 'enum':
      if (variable.values.includes(text)) return text;
      throw new Problem(`must be one of ${variable.values.join(', ')}`);
    case 'url':
      return parseUrl(text);
    case 'secretFile':
      return readSecret(text);
    case 'string':
    case 'path':
      return text;
  }
}

function limitsOf(variable: NumberVariable): { min: number; max: number } {
  const widest = variable.type === 'port' ? 65_535 : Number.MAX_SAFE_INTEGER;
  return { min: variable.min ?? 0, max: variable.max ?? widest };
}

function parseNumber(variable: NumberVariable, text: string): number {
  const { min, max } = limitsOf(variable);
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new Problem(`must be a whole number from ${min} to ${max}`);
}

function parseUrl(text: string): string {
  const url = URL.parse(text);
  if (
    url &&
    (url.protocol === 'http:' || url.protocol === 'https:' || /^(mongodb|redis|socks5h?)/.test(url.protocol))
  ) {
    return text.replace(/\/+$/, '');
  }
  throw new Problem('must be an absolute URL such as http://127.0.0.1:8086');
}

const secretBytesMax = 65_536;

function readSecret(path: string): Secret {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new Problem(`names a file that cannot be read (${reason}); create it, readable by this user only`);
  }
  if (content.length > secretBytesMax) throw new Problem(`names a file larger than ${secretBytesMax} bytes`);
  const value = content.replace(/\r?\n$/, '');
  if (value === '') throw new Problem('names an empty file');
  return new Secret(value);
}

/** One row of a README's table of variables. */
export type ConfigRow = { name: string; type: string; default: string; doc: string };

/** The rows a README's table of variables must show, in the schema's order. */
export function describeConfig(schema: ConfigSchema): ConfigRow[] {
  return Object.values(schema).map((variable) => ({
    name: variable.name,
    type: describeType(variable),
    default: describeDefault(variable),
    doc: variable.doc,
  }));
}

function describeType(variable: Variable): string {
  if (variable.type === 'enum') return variable.values.join(' · ');
  if (!('min' in variable) && !('max' in variable)) return variable.type;
  const { min, max } = limitsOf(variable);
  return max === Number.MAX_SAFE_INTEGER ? `${variable.type} ≥ ${min}` : `${variable.type} ${min}-${max}`;
}

function describeDefault(variable: Variable): string {
  if ('default' in variable && variable.default !== undefined) return `\`${String(variable.default)}\``;
  return variable.optional ? 'none' : 'required';
}

/** The table of a README, as Markdown. */
export function formatConfigTable(schema: ConfigSchema): string {
  const rows = describeConfig(schema).map((row) => `| \`${row.name}\` | ${row.type} | ${row.default} | ${row.doc} |`);
  return ['| variable | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}
