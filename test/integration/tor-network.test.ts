import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { startTorNetwork } from '../support/tor-network.ts';

describe('the private Tor network', () => {
  test('bootstraps both clients, brings one back after a kill, and leaves nothing running', async () => {
    let pids: readonly number[] = [];
    {
      await using network = await startTorNetwork();
      pids = network.pids;
      expect(pids).toHaveLength(8);
      expect(network.torrc.match(/^DirAuthority /gm)).toHaveLength(3);
      expect(await ask(network.visitor.controlSocket, 'PROTOCOLINFO 1')).toContain('SAFECOOKIE');
      expect(await (await fetch(network.visitor.metricsUrl)).text()).toContain('tor_relay_load');

      const { pid } = network.onion;
      await network.onion.stop();
      await network.onion.restart();
      expect(network.onion.pid).not.toBe(pid);
      pids = [...pids, ...network.pids];
    }
    expect(pids.filter(isRunning)).toEqual([]);
  }, 240_000);
});

async function ask(socket: string, command: string): Promise<string> {
  const connection = connect(socket);
  await once(connection, 'connect');
  connection.end(`${command}\r\nQUIT\r\n`);
  return text(connection);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
