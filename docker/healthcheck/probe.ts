import { connect } from 'node:net';

/** Where a program listens, as its own variables say it. */
export interface ProbeTarget {
  readonly host: string;
  readonly ports: readonly number[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads where to ask: the image names in `HEALTHCHECK_HOST` and `HEALTHCHECK_PORT` the variables that hold the
 * address and the first port, so an operator who changes those moves the check with them. An address that means
 * "all of them" is asked by loopback.
 */
export function targetOf(env: Environment): ProbeTarget {
  const host = env[env['HEALTHCHECK_HOST'] ?? ''] ?? '';
  const first = Number(env[env['HEALTHCHECK_PORT'] ?? '']);
  const count = Number(env['HEALTHCHECK_PORTS'] ?? 1);
  const isAny = host === '' || host === '0.0.0.0' || host === '::';
  return { host: isAny ? '127.0.0.1' : host, ports: Array.from({ length: count }, (_, index) => first + index) };
}

/**
 * Whether `GET /readyz` answers 200 on the port within `timeoutMs`. A bare socket instead of an HTTP client: the check
 * runs for as long as the container does, and starts in half the time.
 */
export function isReady(host: string, port: number, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, signal: AbortSignal.timeout(timeoutMs) });
  let head = '';
  socket.setEncoding('latin1');
  socket.on('connect', () => socket.write(`GET /readyz HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`));
  socket.on('data', (text: string) => {
    head += text;
    if (head.length >= ready.length) socket.destroy();
  });
  socket.on('error', () => resolve(false));
  socket.on('close', () => resolve(head.startsWith(ready)));
  return promise;
}

const ready = 'HTTP/1.1 200';
