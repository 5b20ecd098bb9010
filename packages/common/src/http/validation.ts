import type { Options, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import type { FastifyInstance } from 'fastify';

const shared: Options = {
  allErrors: false,
  strict: false,
  discriminator: true,
  useDefaults: true,
  removeAdditional: false,
};

function createAjv(options: Options) {
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
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? exact : textual).compile(schema as object));
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
}

const responseAjv = createAjv({ coerceTypes: false, useDefaults: false });
const compiled = new WeakMap<object, ValidateFunction>();

/** Lists where `value` does not match `schema`; empty when it does. Tests hold every answer to its declared schema. */
export function mismatches(schema: object, value: unknown): string[] {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = responseAjv.compile(schema);
    compiled.set(schema, validate);
  }
  if (validate(value)) return [];
  return (validate.errors ?? []).map((issue) => `${issue.instancePath} ${issue.message ?? issue.keyword}`);
}
