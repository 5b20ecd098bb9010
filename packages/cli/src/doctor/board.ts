import type { Finding } from './finding.ts';
import { findMount, type Host } from './host.ts';
import type { ChosenParts } from './parts.ts';

/** Where a Pi slows down, °C. */
const hotCelsius = 80;

export function checkTemperature(host: Host): Finding {
  const id = 'temperature';
  const why = 'A Pi slows itself down from 80 °C on.';
  const zones = host.list('sys/class/thermal').filter((name) => name.startsWith('thermal_zone'));
  const readings = zones.map((zone) => Number.parseInt(host.text(`sys/class/thermal/${zone}/temp`) ?? '', 10) / 1000);
  const celsius = Math.max(...readings.filter((reading) => reading > 0));
  if (!Number.isFinite(celsius)) return { id, severity: 'info', found: 'No sensor can be read.', why };
  const found = `${celsius.toFixed(0)} °C.`;
  if (celsius < hotCelsius) return { id, severity: 'ok', found, why };
  return { id, severity: 'warn', found, why, fix: 'Give it a heat sink or a fan, and air.' };
}

export function checkVoltage(host: Host): Finding {
  const id = 'voltage';
  const why = 'Too weak a power supply slows a Pi down, and makes disks drop out while they are written.';
  const chip = host.list('sys/class/hwmon').find((name) => host.text(`sys/class/hwmon/${name}/name`) === 'rpi_volt');
  const alarm = chip === undefined ? undefined : host.text(`sys/class/hwmon/${chip}/in0_lcrit_alarm`);
  if (alarm === undefined) return { id, severity: 'info', found: 'No sensor: not a Raspberry Pi, or not shown.', why };
  if (alarm === '0') return { id, severity: 'ok', found: 'The power supply holds.', why };
  const fix =
    'Use the board’s own supply (Pi 5: 5 V 5 A, Pi 4: 5 V 3 A) and cable; give a disk that needs much its own.';
  return { id, severity: 'warn', found: 'The power supply is too weak: under-voltage was seen.', why, fix };
}

/** Whether memory is swapped to a flash card, which it wears out. */
export function checkSwap(host: Host): Finding {
  const id = 'swap';
  const why = 'Swapping to an SD card wears it out and takes seconds; zram, compressed memory, does neither.';
  const table = host.text('proc/swaps');
  if (table === undefined) return { id, severity: 'info', found: 'Swap cannot be told.', why };
  const areas = table
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/)[0] ?? '');
  const onCard = areas.find((area) => sourceOf(host, area).startsWith('/dev/mmcblk'));
  if (onCard !== undefined) {
    const fix = `sudo swapoff ${onCard}, take it out of /etc/fstab or of its service (dphys-swapfile, rpi-swap), and use zram: sudo apt install systemd-zram-generator`;
    return { id, severity: 'warn', found: `${onCard} is on the SD card.`, why, fix };
  }
  if (areas.length === 0) return { id, severity: 'ok', found: 'No swap.', why };
  return { id, severity: 'ok', found: `${areas.join(', ')}.`, why };
}

function sourceOf(host: Host, area: string): string {
  return area.startsWith('/dev/') ? area : (findMount(host, area)?.source ?? area);
}

/** The kernel's settings that a chosen part asks for. */
export function checkSettings(host: Host, parts: ChosenParts): Finding[] {
  const findings: Finding[] = [];
  if (parts.has('redis')) {
    const why = 'Unless it is 1, Redis may fail to rewrite its file when memory is short, as its own log warns.';
    findings.push(checkSetting(host, 'vm.overcommit_memory', 1, 1, why));
  }
  if (parts.has('mongo')) {
    const why = 'MongoDB maps many files, and ends where it may not.';
    findings.push(checkSetting(host, 'vm.max_map_count', 128_000, Number.MAX_SAFE_INTEGER, why));
  }
  return findings;
}

function checkSetting(host: Host, name: string, least: number, most: number, why: string): Finding {
  const id = name.replaceAll(/[._]/g, '-');
  const text = host.text(`proc/sys/${name.replaceAll('.', '/')}`);
  const value = Number.parseInt(text ?? '', 10);
  if (Number.isNaN(value)) return { id, severity: 'info', found: `${name} cannot be read.`, why };
  const found = `${name} is ${value}.`;
  if (value >= least && value <= most) return { id, severity: 'ok', found, why };
  const fix = `echo ${name}=${least} | sudo tee /etc/sysctl.d/60-${id}.conf && sudo sysctl --system`;
  return { id, severity: 'warn', found, why, fix };
}

const openFilesMin = 8192;

export function checkOpenFiles(host: Host): Finding {
  const id = 'open-files';
  const why = 'A service needs a file for every connection and for every part of its store.';
  // Soft, hard: Node raises its own soft limit to the hard one.
  const hard = host.text('proc/self/limits')?.match(/^Max open files\s+\S+\s+(\S+)/m)?.[1];
  if (hard === undefined) return { id, severity: 'info', found: 'The limit of open files cannot be told.', why };
  const found = `A process may open ${hard} files.`;
  if (hard === 'unlimited' || Number(hard) >= openFilesMin) return { id, severity: 'ok', found, why };
  const fix = `Raise the daemon’s limit: LimitNOFILE=${openFilesMin * 8} in its systemd unit.`;
  return { id, severity: 'warn', found, why, fix };
}
