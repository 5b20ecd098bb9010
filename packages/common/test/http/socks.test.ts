import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connectThroughSocks, parseSocksProxy, SocksError, type SocksProxy } from '@lucid/common/http/socks';
import { explainSocksReply } from '@lucid/common/http/socks-replies';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const target = { host: 'example.onion', port: 80 };

/** A server of one connection at a time, in whose words a test speaks. */
async function serve(
  answer: (socket: Socket) => Promise<void>,
  use: (proxy: SocksProxy & { readonly host: string; readonly port: number }) => Promise<void>,
): Promise<void> {
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    answer(socket).catch(() => socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await use({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
  }
}

/** Takes exactly `size` bytes from a client. */
async function take(socket: Socket, size: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = socket.read(size);
    if (bytes?.length === size) return bytes;
    if (bytes !== null || socket.readableEnded) throw new Error('the client is gone');
    await once(socket, 'readable');
  }
}

/** What a client asked for, read as RFC 1928 and 1929 say. */
async function takeRequest(socket: Socket): Promise<{ host: string; port: number; user?: string; password?: string }> {
  const [, count = 0] = await take(socket, 2);
  const [method = 255] = await take(socket, count);
  socket.write(Buffer.from([5, method]));
  const names: { user?: string; password?: string } = {};
  if (method === 2) {
    const [, userSize = 0] = await take(socket, 2);
    names.user = (await take(socket, userSize)).toString();
    const [passwordSize = 0] = await take(socket, 1);
    names.password = (await take(socket, passwordSize)).toString();
    socket.write(Buffer.from([1, 0]));
  }
  const [, , , , hostSize = 0] = await take(socket, 5);
  const host = (await take(socket, hostSize)).toString();
  return { host, port: (await take(socket, 2)).readUInt16BE(), ...names };
}

/** Sends bytes in the pieces that `cuts` make. */
async function sendInPieces(socket: Socket, bytes: Buffer, cuts: readonly number[]): Promise<void> {
  socket.setNoDelay(true);
  const ends = [...cuts.map((cut) => cut % bytes.length), bytes.length].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    if (end > start) await new Promise((resolve) => socket.write(bytes.subarray(start, end), resolve));
    start = Math.max(start, end);
  }
}

const granted = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((address) => Buffer.from([5, 0, 0, 1, ...address, 0, 0])),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((address) => Buffer.from([5, 0, 0, 4, ...address, 0, 0])),
  fc.uint8Array({ minLength: 0, maxLength: 255 }).map((name) => Buffer.from([5, 0, 0, 3, name.length, ...name, 0, 0])),
);

describe('a stream through SOCKS5', () => {
  test('whatever address is answered, in whatever pieces, the stream begins right behind the answer', async () => {
    await fc.assert(
      fc.asyncProperty(
        granted,
        fc.uint8Array({ minLength: 1, maxLength: 500 }),
        fc.array(fc.nat(700), { maxLength: 6 }),
        async (answer, content, cuts) => {
          await serve(
            async (socket) => {
              expect(await takeRequest(socket)).toEqual(target);
              await sendInPieces(socket, Buffer.concat([answer, content]), cuts);
              socket.end();
            },
            async (proxy) => {
              const stream = await connectThroughSocks(proxy, target, { timeoutMs: 5000 });
              const received = Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
              expect(received).toEqual(Buffer.from(content));
            },
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test('every refusal carries the proxy’s own code', async () => {
    for (let reply = 1; reply < 256; reply += 1) {
      await serve(
        async (socket) => {
          await takeRequest(socket);
          socket.end(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]));
        },
        async (proxy) => {
          const error = await failure(connectThroughSocks(proxy, target, { timeoutMs: 5000 }));
          const { name, isPassing } = explainSocksReply(reply);
          expect(error).toMatchObject({
            code: 'SOCKS_REFUSED',
            reply,
            data: { reply: name },
            status: isPassing ? 503 : 403,
          });
        },
      );
    }
  });

  test('a proxy that says anything else is refused, and never waited for longer than the time-out', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), fc.boolean(), async (bytes, ends) => {
        await serve(
          async (socket) => {
            // A full greeting and grant among random bytes would be an answer.
            const said = Buffer.from(bytes);
            if (said[0] === 5 && said[1] === 0) said[1] = 1;
            socket.write(said);
            if (ends) socket.end();
          },
          async (proxy) => {
            const error = await failure(connectThroughSocks(proxy, target, { timeoutMs: 200 }));
            expect(['SOCKS_ANSWER_INVALID', 'SOCKS_UNREACHABLE', 'SOCKS_TIMEOUT']).toContain(error.code);
          },
        );
      }),
      { numRuns: 40 },
    );
  });

  test('isolation is sent as a password; without it no sign-in is offered', async () => {
    const asked: unknown[] = [];
    await serve(
      async (socket) => {
        asked.push(await takeRequest(socket));
        socket.end(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
      },
      async (proxy) => {
        for (const made of [{ ...proxy, isolation: 'a probe' }, proxy]) {
          const stream = await connectThroughSocks(made, target, { timeoutMs: 5000 });
          expect(await text(stream)).toBe('');
        }
      },
    );
    expect(asked).toEqual([{ ...target, user: 'lucid', password: 'a probe' }, target]);
  });

  test('the caller may give up, and is told the reason it gave', async () => {
    const reason = new Error('enough');
    await serve(
      () => new Promise(() => undefined),
      async (proxy) => {
        const { signal, abort } = withAbort();
        const connecting = connectThroughSocks(proxy, target, { timeoutMs: 60_000, signal });
        abort(reason);
        await expect(connecting).rejects.toBe(reason);
      },
    );
  });

  test('no proxy, no name, no port', async () => {
    const nobody = { path: '/nonexistent/socks' };
    const options = { timeoutMs: 5000 };
    expect(await failure(connectThroughSocks(nobody, target, options))).toMatchObject({ code: 'SOCKS_UNREACHABLE' });
    for (const host of ['', 'a b', 'a\r\nb', 'é.onion', 'a'.repeat(256)]) {
      expect(await failure(connectThroughSocks(nobody, { host, port: 80 }, options))).toMatchObject({
        code: 'SOCKS_TARGET_INVALID',
      });
    }
    for (const port of [0, 65_536, 1.5, Number.NaN]) {
      expect(await failure(connectThroughSocks(nobody, { host: 'a.onion', port }, options))).toMatchObject({
        code: 'SOCKS_TARGET_INVALID',
      });
    }
  });
});

describe('a proxy’s address', () => {
  test.each([
    ['127.0.0.1:9050', { host: '127.0.0.1', port: 9050 }],
    ['tor-proxy:9050', { host: 'tor-proxy', port: 9050 }],
    ['[::1]:9150', { host: '::1', port: 9150 }],
    ['unix:/run/tor/socks', { path: '/run/tor/socks' }],
    ['alice@127.0.0.1:9050', { host: '127.0.0.1', port: 9050, isolation: 'alice' }],
  ])('%s', (text, expected) => {
    expect(parseSocksProxy(text)).toEqual(expected);
  });

  test.each([
    '',
    '9050',
    'localhost',
    'localhost:0',
    'localhost:65536',
    'socks5://localhost:9050',
    'unix:socks',
    'a b:1',
  ])('"%s" is none', (text) => {
    expect(() => parseSocksProxy(text)).toThrow(expect.objectContaining({ code: 'SOCKS_ADDRESS_INVALID' }));
  });
});

async function failure(connecting: Promise<Socket>): Promise<SocksError> {
  const error: unknown = await connecting.then(
    (socket) => socket.destroy(),
    (reason: unknown) => reason,
  );
  if (!(error instanceof SocksError)) throw error;
  return error;
}

function withAbort() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason: unknown) => controller.abort(reason) };
}
