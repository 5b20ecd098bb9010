import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkClock } from '../../src/doctor/clock.ts';
import { querySkew } from '../../src/doctor/sntp.ts';
import { ensureHostRoot } from '../../src/setup/host-root.ts';
import { craftHost } from '../support/crafted-host.ts';

/** A time server on loopback whose clock is that far ahead of ours, and that may spoil its answers. */
async function startTimeServer(aheadMs: number, spoil: (answer: Buffer) => Buffer | undefined = (answer) => answer) {
  const socket = createSocket('udp4');
  socket.on('message', (request: Buffer, { port, address }: RemoteInfo) => {
    const answer = Buffer.alloc(48);
    answer[0] = 0x24; // version 4, server
    answer[1] = 2;
    request.copy(answer, 24, 40, 48);
    for (const offset of [32, 40]) {
      const ms = Date.now() + aheadMs;
      answer.writeUInt32BE(Math.floor(ms / 1000) + 2_208_988_800, offset);
      answer.writeUInt32BE(Math.floor(((ms % 1000) / 1000) * 2 ** 32), offset + 4);
    }
    const sent = spoil(answer);
    if (sent) socket.send(sent, port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

describe('a time server', () => {
  test.each([7000, -3600_000, 0])('that is %i ms ahead is measured so', async (aheadMs) => {
    await using server = await startTimeServer(aheadMs);
    const { skewMs } = await querySkew('127.0.0.1', server.port);
    expect(Math.abs(skewMs - aheadMs)).toBeLessThan(500);
  });

  test('that has no time itself is not believed', async () => {
    await using server = await startTimeServer(0, (answer) => {
      answer[1] = 16;
      return answer;
    });
    await expect(querySkew('127.0.0.1', server.port)).rejects.toThrow('no time to tell');
  });

  test('that answers what was not asked, or too little, or nothing, is not believed', async () => {
    await using server = await startTimeServer(0, (answer) => {
      answer.fill(1, 24, 32);
      return answer;
    });
    await expect(querySkew('127.0.0.1', server.port, 100)).rejects.toThrow('no answer within 100 ms');
    await using short = await startTimeServer(0, (answer) => answer.subarray(0, 47));
    await expect(querySkew('127.0.0.1', short.port, 100)).rejects.toThrow('no answer');
    await using silent = await startTimeServer(0, () => undefined);
    await expect(querySkew('127.0.0.1', silent.port, 100)).rejects.toThrow('no answer');
  });
});

describe('without a time server', () => {
  test.each([
    ['run/systemd/timesync/synchronized', 'ok'],
    ['run/chrony/chronyd.pid', 'ok'],
    ['etc/hostname', 'warn'],
    ['.dockerenv', 'info'],
  ])('%s: %s', async (file, severity) => {
    expect(await checkClock(await craftHost({ [file]: '' }), undefined, undefined)).toMatchObject({ severity });
  });

  test('a damaged genesis tells no time', async () => {
    const root = await mkdtemp(join(tmpdir(), 'lucid-clock-'));
    await mkdir(join(root, 'keys'));
    for (const text of ['null', '[]', '{', '{"timestamp":"x"}']) {
      await writeFile(join(root, 'keys/genesis.json'), text);
      expect(await checkClock(await craftHost({}), root, undefined)).toMatchObject({ id: 'clock' });
    }
  });

  test('a clock behind what was kept already is wrong, whoever keeps it', async () => {
    const root = join(await mkdtemp(join(tmpdir(), 'lucid-clock-')), 'Lucid');
    await ensureHostRoot(root);
    const host = await craftHost({ 'run/systemd/timesync/synchronized': '' });
    expect(await checkClock(host, root, undefined)).toMatchObject({ severity: 'ok' });
    expect(await checkClock(host, root, undefined, Date.now() - 86_400_000)).toMatchObject({
      severity: 'fail',
      found: expect.stringContaining('was kept at') as string,
    });
  });
});
