import { expect, test } from 'vitest';
import { TestTools } from './support/test-tools.ts';

test('openapi.json is what the service says of itself', async () => {
  await using tools = await TestTools.start({ controlPath: '/nowhere/control' });
  const document = (await tools.app.inject('/openapi.json')).json<object>();
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../openapi.json');
});
