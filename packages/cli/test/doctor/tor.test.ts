import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { checkTor } from '../../src/doctor/tor.ts';

/** Somebody on a port, who keeps what is shown to them and lets nobody in. */
async function startStranger() {
  const shown: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    shown.push(headers.authorization);
    response.writeHead(401, { 'content-type': 'application/problem+json' }).end('{"code":"TOKEN_MISSING"}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    shown,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const token = async () => 'of-an-admin';

test('a token goes to tunnel-tools where its address was named, and to no stranger on its usual port', async () => {
  await using stranger = await startStranger();
  const { url, shown } = stranger;
  expect(await checkTor({ url, isNamed: false, token })).toMatchObject([{ id: 'tor', severity: 'info' }]);
  expect(shown).toEqual([undefined]);
  expect(await checkTor({ url, isNamed: true, token })).toMatchObject([{ id: 'tor', severity: 'info' }]);
  expect(shown).toEqual([undefined, `Bearer ${await token()}`]);
});
