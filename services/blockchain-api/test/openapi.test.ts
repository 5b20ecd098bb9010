import { expect, test } from 'vitest';
import { openTestApp } from './test-app.ts';

test('openapi.json is what the service says of itself', async () => {
  await using service = await openTestApp();
  const document = (await service.app.inject('/openapi.json')).json<object>();
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../openapi.json');
});
