import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/runtime/logger.ts';

type Line = { level: string; msg: string; url?: string; code?: string; err?: { message: string } };

class Child implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly lines: Line[] = [];
  readonly exit: Promise<number | null>;
  #waiting: (() => void)[] = [];

  constructor(env: Record<string, string>) {
    const file = fileURLToPath(new URL('./run-child.ts', import.meta.url));
    this.process = spawn(process.execPath, ['--conditions=source', file], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.exit = once(this.process, 'exit').then(([code]) => code as number | null);
    if (!this.process.stdout) throw new Error('no output');
    createInterface({ input: this.process.stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      for (const notify of this.#waiting.splice(0)) notify();
    });
  }

  async line(pattern: RegExp): Promise<Line> {
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line.msg));
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exit;
  }
}

describe('run', () => {
  let child: Child | undefined;
  afterEach(() => child?.[Symbol.asyncDispose]());
  const start = (env: Record<string, string> = {}): Child => (child = new Child({ THING_PORT: '0', ...env }));

  test('listens, says where, and ends with code 0 on SIGTERM', async () => {
    const { url } = await start().line(/is ready/);
    const response = await fetch(`${url}/`);
    expect(await response.text()).toBe('hello');
    child?.process.kill('SIGTERM');
    expect(await child?.exit).toBe(0);
    expect(child?.lines.map((line) => line.msg)).toEqual([
      'thing is ready',
      'thing drains and closes',
      'readiness off',
      'disposed',
      'thing is closed',
    ]);
  });

  test('SIGTERM while it opens closes it as soon as it has', async () => {
    await start({ THING_OPENS_AT_SIGNAL: 'true' }).line(/^opens$/);
    child?.process.kill('SIGTERM');
    expect(await child?.exit).toBe(0);
    expect(child?.lines.at(-1)?.msg).toBe('thing is closed');
  });

  test('a request that runs when SIGTERM comes is answered', async () => {
    const { url } = await start().line(/is ready/);
    const slow = request(`${url}/slow`).end();
    await child?.line(/slow begins/);
    child?.process.kill('SIGTERM');
    const [response] = await once(slow, 'response');
    expect(response.statusCode).toBe(200);
    response.resume();
    expect(await child?.exit).toBe(0);
  });

  test('a request that never ends is cut after the time-out', async () => {
    const { url } = await start({ THING_DRAIN_TIMEOUT_MS: '100' }).line(/is ready/);
    const stuck = request(`${url}/stuck`).end();
    const ended = once(stuck, 'error');
    await child?.line(/stuck begins/);
    child?.process.kill('SIGTERM');
    await ended;
    expect(await child?.exit).toBe(0);
    expect(child?.lines.some((line) => /connections are cut/.test(line.msg))).toBe(true);
  });

  test('a wrong variable ends it with code 1 and says which', async () => {
    start({ THING_PORT: 'eighty' });
    expect(await child?.exit).toBe(1);
    expect(child?.lines[0]).toMatchObject({ level: 'fatal', code: 'CONFIG_INVALID' });
    expect(child?.lines[0]?.msg).toContain('THING_PORT');
  });

  test('a port in use ends it with code 1, closed', async () => {
    const { url } = await start().line(/is ready/);
    const second = new Child({ THING_PORT: new URL(url ?? '').port });
    expect(await second.exit).toBe(1);
    expect(second.lines.find((line) => line.level === 'fatal')).toMatchObject({ code: 'PORT_IN_USE' });
    expect(second.lines.some((line) => line.msg === 'disposed')).toBe(true);
  });

  test('an unhandled rejection is logged and ends it with code 1, closed', async () => {
    const { url } = await start().line(/is ready/);
    await fetch(`${url}/reject`);
    expect(await child?.exit).toBe(1);
    const fatal = child?.lines.find((line) => line.level === 'fatal');
    expect(fatal?.err?.message).toBe('nobody waits for this');
    expect(child?.lines.at(-1)?.msg).toBe('thing is closed');
  });
});

test('secrets do not reach the log', () => {
  let output = '';
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      output += chunk.toString();
      done();
    },
  });
  const logger = createLogger({ name: 'thing', level: 'info' }, destination);
  logger.info({
    token: 'hunter2',
    req: { headers: { authorization: 'Bearer hunter2', cookie: 'hunter2', 'x-api-key': 'hunter2' } },
    body: { password: 'hunter2', user: { refreshToken: 'hunter2', name: 'ada' } },
  });
  expect(output).not.toContain('hunter2');
  expect(JSON.parse(output)).toMatchObject({ level: 'info', name: 'thing', body: { user: { name: 'ada' } } });
});
