import { globSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Api } from '@lucid/common/apis/api';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../src/apis/', import.meta.url));

async function readApis(): Promise<Api[]> {
  const modules = await Promise.all(
    globSync('*.ts', { cwd: folder }).map((file) => import(pathToFileURL(folder + file).href) as Promise<object>),
  );
  const values = modules.flatMap((module) => Object.values(module) as unknown[]);
  return values.filter((value): value is Api => typeof value === 'object' && value !== null && 'operations' in value);
}

test('every declared schema is JSON Schema 2020-12: services compile them unchecked', async () => {
  const ajv = new Ajv2020({ strict: false });
  ajvFormats.default(ajv);
  const apis = await readApis();
  expect(apis.length).toBeGreaterThanOrEqual(8);
  const schemas = apis.flatMap(({ service, operations }) =>
    Object.entries(operations).flatMap(([name, { params, query, headers, body, responses }]) =>
      [params, query, headers, body, ...Object.values(responses).map(({ schema }) => schema)]
        .filter((schema) => schema !== undefined)
        .map((schema) => ({ where: `${service} ${name}`, schema })),
    ),
  );
  expect(schemas.length).toBeGreaterThan(200);
  const wrong = schemas.filter(({ schema }) => !ajv.validateSchema(schema));
  expect(wrong.map(({ where }) => where)).toEqual([]);
});
