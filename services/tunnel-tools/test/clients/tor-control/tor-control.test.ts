import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@lucid/common/runtime/clock';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { authenticate } from '../../../src/clients/tor-control/authenticate.ts';
import { ControlConnection } from '../../../src/clients/tor-control/connection.ts';
import { TorControl } from '../../../src/clients/tor-control/tor-control.ts';
import { createClientKey } from '../../../src/domain/client-key.ts';
import { createOnionKey } from '../../../src/domain/onion-key.ts';
import type { OnionSpec } from '../../../src/domain/onion-spec.ts';
import { until } from '../../support/test-tools.ts';
import { TestTor } from '../../support/tor.ts';

let tor: TestTor;
beforeAll(async () => {
  tor = await TestTor.start();
});
afterAll(async () => {
  await tor?.[Symbol.asyncDispose]();
});

const timeoutMs = 5000;
const silent = { timeoutMs, onEvent: () => undefined, onClose: () => undefined };

function specOf(onionAddress: string, more: Partial<OnionSpec> = {}): OnionSpec {
  const ports = [{ virtualPort: 80, target: 'gateway', address: '127.0.0.1:9' }] as const;
  return { onionAddress, ports, clientKeys: undefined, powDefense: false, maxStreams: 0, epoch: 0, ...more };
}

async function connected(path = tor.controlPath): Promise<TorControl> {
  const control = new TorControl({ path, timeoutMs, clock: systemClock() });
  control.start();
  await until(() => (control.isConnected ? true : undefined));
  return control;
}

describe('with a real tor', () => {
  test('authenticates, and tor says its version and state', async () => {
    await using control = await connected();
    const status = await control.readStatus();
    expect(status).toMatchObject({
      isConnected: true,
      isVersionSafe: true,
      bootstrap: { progress: 0, tag: 'starting', summary: 'Starting' },
      isCircuitEstablished: false,
      isNetworkLive: false,
      circuitCount: 0,
    });
    expect(status.version).toMatch(/^0\.4\./);
  });

  test('the address we compute is the one tor gives the key', async () => {
    await using control = await connected();
    for (let round = 0; round < 10; round += 1) {
      const key = createOnionKey();
      await control.addOnion(specOf(key.onionAddress), key.expandedKey);
      expect(await control.listOnions()).toEqual([key.onionAddress]);
      await control.deleteOnion(key.onionAddress);
    }
    expect(await control.listOnions()).toEqual([]);
  });

  test('a service outlives the connection that added it', async () => {
    const key = createOnionKey();
    {
      await using control = await connected();
      await control.addOnion(specOf(key.onionAddress), key.expandedKey);
    }
    await using control = await connected();
    expect(await control.listOnions()).toEqual([key.onionAddress]);
    await control.deleteOnion(key.onionAddress);
  });

  test('every option at once, and as many clients as there may be', async () => {
    await using control = await connected();
    const key = createOnionKey();
    const spec = specOf(key.onionAddress, {
      clientKeys: Array.from({ length: 65 }, () => createClientKey().publicKey),
      powDefense: true,
      maxStreams: 256,
      ports: Array.from({ length: 8 }, (_, index) => ({
        virtualPort: 80 + index,
        target: 'gateway' as const,
        address: '[::1]:8082',
      })),
    });
    await control.addOnion(spec, key.expandedKey);
    expect(await control.listOnions()).toEqual([key.onionAddress]);
    await control.deleteOnion(key.onionAddress);
    await control.deleteOnion(key.onionAddress);
  });

  test('what tor refuses is told with its words, and the connection goes on', async () => {
    await using control = await connected();
    const key = createOnionKey();
    await expect(control.addOnion(specOf(key.onionAddress, { clientKeys: [] }), key.expandedKey)).rejects.toThrow(
      '512 No auth clients specified',
    );
    await expect(control.send('GETINFO nosuch')).rejects.toMatchObject({ status: 552 });
    expect((await control.readStatus()).isConnected).toBe(true);
  });

  test.each(['GETINFO version\r\nSIGNAL HALT', 'GETINFO version\nSIGNAL HALT', 'GETINFO \0', '', 'GETINFO \u00e9'])(
    'a command that is not one line of ASCII is not sent: %j',
    async (command) => {
      await using control = await connected();
      await expect(control.send(command)).rejects.toMatchObject({ code: 'TOR_COMMAND_MALFORMED' });
      expect((await control.readStatus()).isConnected).toBe(true);
    },
  );

  test('another cookie is refused by either side', async () => {
    const other = join(tor.folder, 'other');
    await writeFile(other, Buffer.alloc(32, 7));
    await using connection = await ControlConnection.open({ path: tor.controlPath, ...silent });
    await expect(authenticate((command) => connection.send(command), other)).rejects.toMatchObject({
      code: 'TOR_AUTH_FAILED',
    });
    await writeFile(other, Buffer.alloc(31));
    await using second = await ControlConnection.open({ path: tor.controlPath, ...silent });
    await expect(authenticate((command) => second.send(command), other)).rejects.toThrow('is not 32 bytes');
  });

  test('answers come in the order of the questions', async () => {
    await using control = await connected();
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, index) => control.send(`GETINFO ${index % 2 ? 'version' : 'process/pid'}`)),
    );
    replies.forEach(({ lines }, index) => {
      expect(lines[0]?.text).toMatch(index % 2 ? /^version=/ : /^process\/pid=/);
    });
  });

  test('tor that dies and comes back is found again', async () => {
    await using own = await TestTor.start();
    await using control = new TorControl({ path: own.controlPath, timeoutMs, clock: systemClock() });
    const seen: string[] = [];
    control.observe({
      connected: () => seen.push('connected'),
      disconnected: () => seen.push('disconnected'),
      upload: () => undefined,
    });
    control.start();
    await until(() => (seen.length === 1 ? true : undefined));
    await own.kill();
    await until(() => (seen.length === 2 ? true : undefined));
    expect(control.isConnected).toBe(false);
    await expect(control.listOnions()).rejects.toMatchObject({ code: 'TOR_UNAVAILABLE' });
    expect(await control.readStatus()).toMatchObject({ isConnected: false });
    await own.restart();
    await until(() => (seen.length === 3 ? true : undefined));
    expect(seen).toEqual(['connected', 'disconnected', 'connected']);
    expect(await control.listOnions()).toEqual([]);
  });
});

/** Whoever put a socket where tor's is expected. */
async function openImpostor(answer: (line: string, socket: Socket) => void) {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-impostor-'));
  const path = join(folder, 'control');
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.setEncoding('latin1').on('error', () => undefined);
    socket.on('data', (text: unknown) => {
      for (const line of String(text).split('\r\n').filter(Boolean)) {
        lines.push(line);
        answer(line, socket);
      }
    });
  });
  await once(server.listen(path), 'listening');
  return {
    path,
    lines,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

describe('with somebody who is not tor', () => {
  test('who does not know the cookie is told nothing and asked nothing more', async () => {
    const info = `250-AUTH METHODS=SAFECOOKIE COOKIEFILE="${tor.cookiePath}"\r\n250 OK\r\n`;
    const challenge = `250 AUTHCHALLENGE SERVERHASH=${'A'.repeat(64)} SERVERNONCE=${'B'.repeat(64)}\r\n`;
    await using impostor = await openImpostor((line, socket) => {
      socket.write(line.startsWith('PROTOCOLINFO') ? info : challenge);
    });
    await using connection = await ControlConnection.open({ path: impostor.path, ...silent });
    await expect(authenticate((command) => connection.send(command))).rejects.toThrow('does not know the cookie');
    expect(impostor.lines.map((line) => line.split(' ')[0])).toEqual(['PROTOCOLINFO', 'AUTHCHALLENGE']);
  });

  test.each([
    ['offers no cookie', '250-AUTH METHODS=NULL\r\n250 OK\r\n', 'no SAFECOOKIE'],
    [
      'names a cookie that is not there',
      '250-AUTH METHODS=SAFECOOKIE COOKIEFILE="/nowhere"\r\n250 OK\r\n',
      'cannot be',
    ],
    ['answers nothing of sense', '250 OK\r\n', 'no SAFECOOKIE'],
  ])('who %s is not talked to', async (_name, info, message) => {
    await using impostor = await openImpostor((_line, socket) => void socket.write(info));
    await using connection = await ControlConnection.open({ path: impostor.path, ...silent });
    await expect(authenticate((command) => connection.send(command))).rejects.toThrow(message);
  });

  test('who never answers ends the connection, and whoever waits is told', async () => {
    await using impostor = await openImpostor(() => undefined);
    const closed = Promise.withResolvers<Error>();
    await using connection = await ControlConnection.open({
      ...silent,
      path: impostor.path,
      timeoutMs: 100,
      onClose: closed.resolve,
    });
    const asked = [connection.send('GETINFO version'), connection.send('GETINFO process/pid')];
    for (const { status } of await Promise.allSettled(asked)) expect(status).toBe('rejected');
    expect((await closed.promise).message).toBe('tor did not answer in 100 ms');
    await expect(connection.send('GETINFO version')).rejects.toMatchObject({ code: 'TOR_UNAVAILABLE' });
  });

  test.each([
    ['no control protocol', 'HTTP/1.1 400 Bad Request\r\n'],
    ['an answer nobody asked for', '250 OK\r\n250 OK\r\n'],
  ])('%s ends the connection', async (_name, text) => {
    await using impostor = await openImpostor((_line, socket) => void socket.write(text));
    const closed = Promise.withResolvers<Error>();
    await using connection = await ControlConnection.open({ ...silent, path: impostor.path, onClose: closed.resolve });
    await connection.send('GETINFO version').catch(() => undefined);
    await closed.promise;
    await expect(connection.send('GETINFO version')).rejects.toMatchObject({ code: 'TOR_UNAVAILABLE' });
  });

  test('too many commands at once are refused, the others stand', async () => {
    await using impostor = await openImpostor(() => undefined);
    await using connection = await ControlConnection.open({ ...silent, path: impostor.path });
    const asked = Array.from({ length: 300 }, async () => await connection.send('GETINFO version'));
    const refused = await Promise.race(asked.map(async (one, index) => await one.catch(() => index)));
    expect(refused).toBe(256);
    await connection[Symbol.asyncDispose]();
    expect((await Promise.allSettled(asked)).every(({ status }) => status === 'rejected')).toBe(true);
  });
});
