import { expect, test } from 'vitest';
import { startTestApi } from './support/api.ts';

test('openapi.json is what the service serves', async () => {
  await using api = await startTestApi();
  const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as object;
  await expect(`${JSON.stringify(document, undefined, 2)}\n`).toMatchFileSnapshot('../openapi.json');
});
