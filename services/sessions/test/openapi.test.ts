import { expect, test } from 'vitest';
import { openTestSessions } from './platform.ts';

test('openapi.json is what the service serves', async () => {
  await using sessions = await openTestSessions();
  const document = (await (await fetch(`${sessions.baseUrl}/openapi.json`)).json()) as unknown;
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../openapi.json');
});
