import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { openHost } from '../../src/doctor/host.ts';
import { findListener } from '../../src/doctor/listener.ts';
import { checkPort, checkPorts } from '../../src/doctor/ports.ts';
import { version } from '../../src/version.ts';
import { craftHost } from '../support/crafted-host.ts';

async function listen(handle: RequestListener) {
  const server = createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers as a service of the platform does. */
function serviceOf(status: 'ready' | 'not ready', itsVersion: string): RequestListener {
  const checks = { store: { ok: true }, ledger: { ok: status === 'ready', detail: 'cannot be reached' } };
  return (request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url === '/openapi.json') return void response.end(JSON.stringify({ info: { version: itsVersion } }));
    response.statusCode = status === 'ready' ? 200 : 503;
    response.end(JSON.stringify({ status, checks }));
  };
}

describe('a port', () => {
  test('that a service of this release has, ready', async () => {
    await using server = await listen(serviceOf('ready', version));
    expect(await checkPort(openHost(), 'ledger', server.port)).toMatchObject({
      id: `port-${server.port}`,
      severity: 'ok',
      found: `ledger ${version} is ready.`,
    });
  });

  test('that a service of another release has', async () => {
    await using server = await listen(serviceOf('ready', '0.0.9'));
    expect(await checkPort(openHost(), 'ledger', server.port)).toMatchObject({ severity: 'warn' });
  });

  test('whose service is not ready, and why', async () => {
    await using server = await listen(serviceOf('not ready', version));
    expect(await checkPort(openHost(), 'vm', server.port)).toMatchObject({
      severity: 'fail',
      found: `vm ${version} is not ready: ledger (cannot be reached).`,
    });
  });

  test('that somebody else has, by name', async () => {
    await using server = await listen((_request, response) => void response.end('hello'));
    expect(await checkPort(openHost(), 'api', server.port)).toMatchObject({
      severity: 'fail',
      found: expect.stringContaining(`(process ${process.pid})`) as string,
      fix: expect.stringContaining(`:${server.port}`) as string,
    });
  });

  test.each(['null', '{"status":"ready","checks":null}', '{"status":"ready","checks":{"store":null}}', '[]'])(
    'whose holder answers %s',
    async (text) => {
      await using server = await listen((_request, response) => void response.end(text));
      expect(await checkPort(openHost(), 'api', server.port)).toMatchObject({
        severity: 'fail',
        found: expect.stringContaining('Taken by') as string,
      });
    },
  );

  test('whose holder answers without end', async () => {
    let sentBytes = 0;
    await using server = await listen((_request, response) => {
      const part = Buffer.alloc(65_536, ' ');
      const send = (): void => {
        if (response.destroyed) return;
        sentBytes += part.length;
        response.write(part, send);
      };
      send();
    });
    expect(await checkPort(openHost(), 'api', server.port)).toMatchObject({ severity: 'fail' });
    // Of which the sockets' own buffers are the most.
    expect(sentBytes).toBeLessThan(2 ** 25);
  });

  test('that is free', async () => {
    const server = await listen(() => undefined);
    await server[Symbol.asyncDispose]();
    expect(await checkPort(openHost(), 'api', server.port)).toMatchObject({ severity: 'info' });
    expect(findListener(openHost(), server.port)).toBeUndefined();
  });
});

test('of another user’s program only that it is there can be told', async () => {
  const table =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n' +
    '   0: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n';
  const host = await craftHost({ 'proc/net/tcp': table });
  expect(findListener(host, 8082)).toBe('unknown');
  expect(findListener(host, 8083)).toBeUndefined();
});

test('a container does not see the machine’s ports', async () => {
  expect(await checkPorts(await craftHost({ '.dockerenv': '' }))).toMatchObject([{ id: 'ports', severity: 'info' }]);
});
