import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request as the upstream got it. */
export interface Received {
  readonly line: string;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** A real HTTP server behind the gateway: it records what reaches it and answers it as JSON, or as a test says. */
export interface TestUpstream extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
  /** Answers the following requests; undefined for the echo. */
  answer: RequestListener | undefined;
  /** Cuts every connection and stops listening. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  restart(): Promise<void>;
}

export async function startUpstream(): Promise<TestUpstream> {
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  let answer: RequestListener | undefined;
  const server = createServer((request, response) => {
    if (answer) answer(request, response);
    else void echo(request, response, received);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    server,
    sockets,
    get answer() {
      return answer;
    },
    set answer(listener) {
      answer = listener;
    },
    stop,
    restart: async () => await listen(server, port),
    [Symbol.asyncDispose]: stop,
  };
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
}

export function record(request: IncomingMessage, body: Buffer): Received {
  return { line: `${request.method} ${request.url}`, rawHeaders: request.rawHeaders, body };
}

async function echo(request: IncomingMessage, response: ServerResponse, received: Received[]): Promise<void> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const entry = record(request, Buffer.concat(chunks));
    received.push(entry);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ line: entry.line, headers: entry.rawHeaders, bodyBytes: entry.body.length }));
  } catch {
    response.destroy();
  }
}

/** The value of a header the upstream got; undefined when it got none, an error when it got two. */
export function headerOf({ rawHeaders }: Received, name: string): string | undefined {
  const values = rawHeaders.filter((_value, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
  if (values.length > 1) throw new Error(`${name} came twice: ${values.join(' | ')}`);
  return values[0];
}
