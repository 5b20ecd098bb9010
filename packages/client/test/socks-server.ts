import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A SOCKS5 proxy that leads every name to one port of this machine. */
export interface SocksServer extends AsyncDisposable {
  readonly proxy: string;
  /** What was asked for, `host:port` each. */
  readonly asked: readonly string[];
}

/** Where every name leads to, or the code it is refused with. */
export type SocksAnswer = { readonly port: number } | { readonly reply: number };

export async function startSocksServer(answer: SocksAnswer): Promise<SocksServer> {
  const asked: string[] = [];
  const open = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    open.add(socket);
    return socket.on('error', () => socket.destroy());
  };
  const server = createServer((socket) => {
    // The client waits for each answer, so that each of its messages arrives by itself.
    keep(socket).once('data', () => {
      socket.write(Buffer.from([5, 0]));
      socket.once('data', (request: Buffer) => {
        const size = request[4] ?? 0;
        asked.push(`${request.subarray(5, 5 + size).toString()}:${request.readUInt16BE(5 + size)}`);
        if ('reply' in answer) return socket.end(Buffer.from([5, answer.reply, 0, 1, 0, 0, 0, 0, 0, 0]));
        const onward = keep(connect(answer.port, '127.0.0.1'));
        socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
        return socket.pipe(onward).pipe(socket);
      });
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    proxy: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
