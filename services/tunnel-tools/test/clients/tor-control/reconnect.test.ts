import { systemClock } from '@lucid/common/runtime/clock';
import { expect, test } from 'vitest';
import { TorControl } from '../../../src/clients/tor-control/tor-control.ts';
import { ControlWire } from '../../support/control-wire.ts';
import { until } from '../../support/test-tools.ts';
import { TestTor } from '../../support/tor.ts';

test('a connection that is made and breaks off again and again is made more and more seldom', async () => {
  await using tor = await TestTor.start();
  await using wire = await ControlWire.start(tor.folder, tor.controlPath);
  const waits: number[] = [];
  const clock = systemClock();
  // What is waited for is noted; the wait itself is cut short.
  const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    waits.push(ms);
    await clock.sleep(1, signal);
  };
  await using control = new TorControl({
    path: wire.path,
    timeoutMs: 5000,
    clock: { now: () => clock.now(), behindMs: () => 0, sleep },
  });
  control.observe({
    connected: () => {
      wire.cutAt = 'GETINFO version';
      control.send('GETINFO version').catch(() => undefined);
    },
    disconnected: () => undefined,
    upload: () => undefined,
  });
  control.start();
  await until(() => (waits.length >= 8 ? true : undefined));
  // From 0.1 s, doubled each time and spread by half.
  expect(waits[6]).toBeGreaterThanOrEqual((100 * 2 ** 6) / 2);
});
