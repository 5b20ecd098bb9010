import { mismatches } from '@lucid/common/http/validation';
import { sample, stringMatching } from 'fast-check';

/** The parts of JSON Schema the operation tables use. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly examples?: readonly unknown[];
}

/** The smallest value of a schema: required members alone. Always the same for the same schema. */
export function exampleOf(schema: Schema): unknown {
  const { examples, anyOf, oneOf } = schema;
  if (examples?.[0] !== undefined) return examples[0];
  if ('const' in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  const variant = (anyOf ?? oneOf)?.[0];
  if (variant) return exampleOf(variant);
  switch (schema.type) {
    case 'object':
      return objectOf(schema);
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => exampleOf(schema.items ?? {}));
    case 'string':
      return stringOf(schema);
    case 'integer':
    case 'number':
      return schema.minimum ?? 0;
    case 'boolean':
      return false;
    case undefined:
    default:
      return null;
  }
}

function objectOf({ properties = {}, required = [] }: Schema): Record<string, unknown> {
  return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name] ?? {})]));
}

const textsTried = 20;

function stringOf(schema: Schema): string {
  const { format, pattern, minLength = 0 } = schema;
  if (format === 'date-time') return '2026-01-01T00:00:00.000Z';
  if (pattern === undefined) return 'x'.repeat(Math.max(1, minLength));
  const texts = sample(stringMatching(new RegExp(pattern)), { numRuns: textsTried, seed: 1 });
  const text = texts.find((candidate) => mismatches(schema, candidate).length === 0 && isPlain(candidate));
  if (text === undefined) throw new Error(`no example of ${pattern} was found`);
  return text;
}

/** Fit for a header as it is. */
function isPlain(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

const strangers: readonly unknown[] = [{ stranger: [] }, [0.5], 'no such thing \u0000', -1.5, true, null];

/** Values that are not of the schema; none when it takes anything. */
export function misfitsOf(schema: Schema): readonly unknown[] {
  return strangers.filter((value) => mismatches(schema, value).length > 0);
}
