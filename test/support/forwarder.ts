import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Another address of a server: what is connected to it goes on to the server. */
export interface Forwarder extends AsyncDisposable {
  readonly port: number;
  readonly connectionCount: number;
}

/** @param host such as 127.0.0.2, every one of which is this machine; `port` 0 is any */
export async function startForwarder(host: string, port: number, to: URL): Promise<Forwarder> {
  const open = new Set<Socket>();
  let connectionCount = 0;
  const server = createServer((socket) => {
    connectionCount += 1;
    const onward = connect(Number(to.port), to.hostname);
    for (const side of [socket, onward]) {
      open.add(side);
      side
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(side);
          socket.destroy();
          onward.destroy();
        });
    }
    socket.pipe(onward).pipe(socket);
  });
  await once(server.listen(port, host), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connectionCount() {
      return connectionCount;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
