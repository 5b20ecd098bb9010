import { expect, test } from 'vitest';
import { openTestApp } from './test-app.ts';

test('openapi.json is what the service says of itself', async () => {
  await using service = await openTestApp();
  const document = (await service.app.inject('/openapi.json')).json<object>();
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../openapi.json');
});

test('until the chain was read once, reads say so', async () => {
  await using service = await openTestApp();
  for (const path of ['/governance', '/params', '/params/maxChunkSize', '/members', '/proposals']) {
    const answer = await service.app.inject(path);
    expect([answer.statusCode, answer.json<{ code: string }>().code], path).toEqual([503, 'DEPENDENCY_UNAVAILABLE']);
  }
});
