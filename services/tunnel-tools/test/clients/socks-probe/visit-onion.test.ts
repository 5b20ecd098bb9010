import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createVisitOnion } from '../../../src/clients/socks-probe/visit-onion.ts';

// What a visit makes of a proxy's and a server's answers. That tor gives these answers: test/integration/tunnels.test.ts.

const visit = { onionAddress: `${'a'.repeat(56)}.onion`, virtualPort: 80 };

/** A proxy that answers each request with `reply`, and then as the server it leads to, with `answer`. */
async function visitThrough(reply: number, answer: (socket: Socket) => void, timeoutMs = 5000, signal?: AbortSignal) {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    const says = [
      () => socket.write(Buffer.from([5, 2])),
      () => socket.write(Buffer.from([1, 0])),
      () => socket.write(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0])),
      () => answer(socket),
    ];
    socket.on('data', () => says.shift()?.());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const proxy = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    return await createVisitOnion({ proxy, path: '/livez', timeoutMs })(visit, signal);
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
  }
}

test('a visit that arrives', async () => {
  const outcome = await visitThrough(0, (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nalive'));
  expect(outcome).toMatchObject({
    ok: true,
    steps: [
      { name: 'connect', ok: true },
      { name: 'http', ok: true },
    ],
  });
});

test.each([
  ['HTTP/1.1 503 Service Unavailable\r\n\r\n', 'HTTP_503'],
  ['SSH-2.0-OpenSSH_9.2\r\n', 'HTTP_ANSWER_INVALID'],
  [`HTTP/1.1 200 ${'a'.repeat(5000)}`, 'HTTP_ANSWER_INVALID'],
  ['', 'HTTP_NO_ANSWER'],
])('a server that says %j', async (text, code) => {
  const outcome = await visitThrough(0, (socket) => socket.end(text));
  expect(outcome).toMatchObject({ ok: false, steps: [{ ok: true }, { name: 'http', ok: false, code }] });
});

test('nothing follows a refusal, and its reason is in words', async () => {
  const outcome = await visitThrough(0xf4, () => undefined);
  const reason = expect.stringContaining('authorized clients') as string;
  expect(outcome).toEqual({
    ok: false,
    steps: [{ name: 'connect', ms: expect.any(Number) as number, ok: false, code: 'SOCKS_F4', reason }],
  });
});

test('a server that says nothing is not waited for', async () => {
  const outcome = await visitThrough(0, () => undefined, 200);
  expect(outcome).toMatchObject({ ok: false, steps: [{ ok: true }, { name: 'http', code: 'VISIT_TIMEOUT' }] });
});

test('a visit that is given up ends at once and found nothing, and so does one that waits for its turn', async () => {
  const stop = new AbortController();
  const reason = new Error('closing');
  const given = visitThrough(0, () => stop.abort(reason), 60_000, stop.signal);
  await expect(given).rejects.toBe(reason);
  await expect(visitThrough(0, () => undefined, 60_000, stop.signal)).rejects.toBe(reason);
});
