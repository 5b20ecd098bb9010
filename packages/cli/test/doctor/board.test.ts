import { describe, expect, test } from 'vitest';
import { checkOpenFiles, checkSettings, checkSwap, checkTemperature, checkVoltage } from '../../src/doctor/board.ts';
import { parseParts } from '../../src/doctor/parts.ts';
import { craftHost } from '../support/crafted-host.ts';

test.each([
  ['45123\n', 'ok'],
  ['81000\n', 'warn'],
  [undefined, 'info'],
])('temperature: %j is %s', async (text, severity) => {
  const files: Record<string, string> = { 'sys/class/thermal/cooling_device0/type': 'fan' };
  if (text !== undefined) files['sys/class/thermal/thermal_zone0/temp'] = text;
  expect(checkTemperature(await craftHost(files))).toMatchObject({ severity });
});

test.each([
  ['0', 'ok'],
  ['1', 'warn'],
  [undefined, 'info'],
])('voltage: an alarm of %j is %s', async (alarm, severity) => {
  const files: Record<string, string> = { 'sys/class/hwmon/hwmon0/name': 'cpu_thermal\n' };
  if (alarm !== undefined) {
    files['sys/class/hwmon/hwmon2/name'] = 'rpi_volt\n';
    files['sys/class/hwmon/hwmon2/in0_lcrit_alarm'] = `${alarm}\n`;
  }
  expect(checkVoltage(await craftHost(files))).toMatchObject({ severity });
});

describe('swap', () => {
  const header = 'Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n';
  const mountinfo = '22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw\n';

  test.each([
    ['none', header, 'ok'],
    ['zram', `${header}/dev/zram0 partition 2097136 0 100\n`, 'ok'],
    ['a partition of the card', `${header}/dev/mmcblk0p3 partition 99 0 -2\n`, 'warn'],
    ['a file on the card', `${header}/var/swap file 102384 0 -2\n`, 'warn'],
    ['a partition of the SSD beside zram', `${header}/dev/zram0 partition 9 0 100\n/dev/sda2 partition 9 0 -2\n`, 'ok'],
  ])('%s', async (_name, swaps, severity) => {
    const host = await craftHost({ 'proc/swaps': swaps, 'proc/self/mountinfo': mountinfo });
    expect(checkSwap(host)).toMatchObject({ severity });
  });

  test('unknown is no verdict', async () => {
    expect(checkSwap(await craftHost({}))).toMatchObject({ severity: 'info' });
  });
});

describe('settings', () => {
  test('are looked at only for the parts chosen', async () => {
    const host = await craftHost({ 'proc/sys/vm/overcommit_memory': '0\n', 'proc/sys/vm/max_map_count': '65530\n' });
    expect(checkSettings(host, parseParts(['tor']))).toEqual([]);
    expect(checkSettings(host, parseParts(['redis,mongo']))).toMatchObject([
      {
        id: 'vm-overcommit-memory',
        severity: 'warn',
        fix: expect.stringContaining('vm.overcommit_memory=1') as string,
      },
      { id: 'vm-max-map-count', severity: 'warn', fix: expect.stringContaining('vm.max_map_count=128000') as string },
    ]);
  });

  test('suit, or cannot be read', async () => {
    const host = await craftHost({ 'proc/sys/vm/overcommit_memory': '1\n' });
    expect(checkSettings(host, parseParts(['redis,mongo']))).toMatchObject([{ severity: 'ok' }, { severity: 'info' }]);
    const never = await craftHost({ 'proc/sys/vm/overcommit_memory': '2\n' });
    expect(checkSettings(never, parseParts(['redis']))).toMatchObject([{ severity: 'warn' }]);
  });
});

test.each([
  ['1024                 524288', 'ok'],
  ['1024                 4096', 'warn'],
  ['1024                 unlimited', 'ok'],
])('open files: %s is %s', async (limits, severity) => {
  const text = `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${limits}               files\n`;
  expect(checkOpenFiles(await craftHost({ 'proc/self/limits': text }))).toMatchObject({ severity });
});
