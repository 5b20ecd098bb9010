import type { ErrorObject, Options, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import type { FastifyInstance } from 'fastify';

const shared: Options = {
  allErrors: false,
  strict: false,
  // Holding every schema to JSON Schema's own costs a third of a service's start; a test does it instead.
  validateSchema: false,
  discriminator: true,
  useDefaults: true,
  removeAdditional: false,
};

function createAjv(options: Options): Ajv2020 {
  const ajv = new Ajv2020({ ...shared, ...options });
  ajvFormats.default(ajv);
  ajv.addFormat('uint256', true);
  ajv.addFormat('binary', true);
  return ajv;
}

/**
 * Bodies are taken as they are: no coercion, unknown members refused where the schema says so. Query, path and
 * header values arrive as text and are coerced to the type the schema names.
 */
export function installValidation(app: FastifyInstance): void {
  const exact = createAjv({ coerceTypes: false });
  const textual = createAjv({ coerceTypes: 'array' });
  app.setValidatorCompiler(({ schema, httpPart }) =>
    httpPart === 'body' ? compileLate(exact, schema) : requireDecimals(compileLate(textual, schema), schema),
  );
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
}

/** A validator compiled when the first request needs it: a service starts without those nobody asks for. */
function compileLate(ajv: Ajv2020, schema: unknown): FastifyValidator {
  let compiled: ValidateFunction | undefined;
  const validate: FastifyValidator = (data) => {
    compiled ??= ajv.compile(schema as object);
    const isValid = compiled(data);
    validate.errors = compiled.errors ?? null;
    return isValid;
  };
  return validate;
}

/**
 * Coercion takes whatever JavaScript takes for a number: `0x10`, `1e3`, `+1`, `01`, ` 1`. An integer has one spelling
 * here, so that one thing has one address, and what a proxy or a cache reads is what the service reads.
 */
function requireDecimals(compiled: FastifyValidator, schema: unknown): FastifyValidator {
  const { properties = {} } = schema as { properties?: Readonly<Record<string, { type?: unknown }>> };
  const names = Object.keys(properties).filter((name) => properties[name]?.type === 'integer');
  if (names.length === 0) return compiled;
  const validate: FastifyValidator = (data) => {
    const values = data as Readonly<Record<string, unknown>>;
    const odd = names.find((name) => typeof values[name] === 'string' && !isDecimal(values[name]));
    const isValid = odd === undefined && compiled(data);
    validate.errors = odd === undefined ? (compiled.errors ?? null) : [notDecimal(odd)];
    return isValid;
  };
  return validate;
}

/** A decimal without a plus or leading zeros that a number holds exactly. */
function isDecimal(text: string): boolean {
  return /^(?:0|-?[1-9][0-9]{0,15})$/.test(text) && Number.isSafeInteger(Number(text));
}

function notDecimal(name: string): ErrorObject {
  const message = 'must be an integer in decimal, without a plus or leading zeros, at most 2^53 - 1';
  return { instancePath: `/${name}`, schemaPath: `#/properties/${name}/type`, keyword: 'type', params: {}, message };
}

type FastifyValidator = ((data: unknown) => boolean) & { errors?: ErrorObject[] | null };

let responseAjv: Ajv2020 | undefined;
const compiled = new WeakMap<object, ValidateFunction>();

/** Lists where `value` does not match `schema`; empty when it does. Tests hold every answer to its declared schema. */
export function mismatches(schema: object, value: unknown): string[] {
  let validate = compiled.get(schema);
  if (!validate) {
    responseAjv ??= createAjv({ coerceTypes: false, useDefaults: false });
    validate = responseAjv.compile(schema);
    compiled.set(schema, validate);
  }
  if (validate(value)) return [];
  return (validate.errors ?? []).map((issue) => `${issue.instancePath} ${issue.message ?? issue.keyword}`);
}
