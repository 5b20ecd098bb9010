import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { hasReached } from '../support/tor/process.ts';
import { startTorNetwork } from '../support/tor-network.ts';

describe('the private Tor network', () => {
  test('a stage is reached when tor passes over it', () => {
    const log = ['Nov 23 19:35:31.000 [notice] Bootstrapped 0% (starting): Starting'];
    expect(hasReached(log, 75)).toBe(false);
    expect(hasReached(log.concat('[notice] Bootstrapped 95% (circuit_create): Establishing a Tor circuit'), 75)).toBe(
      true,
    );
    expect(hasReached(log.concat('[notice] Bootstrapped 10% (conn_done): Connected to a relay'), 75)).toBe(false);
  });

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
  }, 300_000);
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
