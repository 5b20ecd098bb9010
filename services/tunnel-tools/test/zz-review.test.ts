import { expect, test } from 'vitest';
import { createLogBuffer } from '../../../test/support/log-buffer.ts';
import { TestTools } from './support/test-tools.ts';
import { TestTor } from './support/tor.ts';
test('x', async () => {
  await using tor = await TestTor.start();
  const log = createLogBuffer();
  await using tools = await TestTools.start({ controlPath: tor.controlPath, logger: log.logger });
  const token = await tools.identity.userToken({ roles: ['admin'] });
  const r = await fetch(`${tools.url}/tunnels`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '{"name":"a","secretKey":"PT0gZWQyNTUxOXYxLXNlY3JldDogdHlwZTAgPT0AAADEADBEEF" oops}' });
  console.log(r.status, await r.text());
  console.log(JSON.stringify((log as any).lines ?? (log as any).text ?? log));
}, 30000);
