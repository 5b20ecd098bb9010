import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { run } from '../support/run-command.ts';
import type { Target } from './probe.ts';

const probePath = fileURLToPath(new URL('./probe.ts', import.meta.url));

/** The targets that take a connection from the network namespace of process `pid`. */
export async function reachableFrom(pid: number, targets: readonly Target[]): Promise<Target[]> {
  const input = JSON.stringify(targets);
  return JSON.parse(
    await run(['nsenter', `--net=/proc/${pid}/ns/net`, process.execPath, probePath], { input }),
  ) as Target[];
}

/** What is listened on (TCP) in the network namespace of process `pid`, as `address:port`. */
export async function listenersOf(pid: number): Promise<string[]> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8')));
  return tables.flatMap((table) => table.split('\n').slice(1).flatMap(parseListener));
}

const listenState = '0A';

function parseListener(line: string): string[] {
  const [, local = '', , state] = line.trim().split(/\s+/);
  if (state !== listenState) return [];
  const [address = '', port = ''] = local.split(':');
  return [`${decodeAddress(address)}:${Number.parseInt(port, 16)}`];
}

/** The kernel's hexadecimal: each group of 32 bits in the machine's byte order. */
function decodeAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.every((byte) => byte === 0)) return '0.0.0.0'; // `::` takes IPv4 too
  return bytes.toString('hex').replaceAll(/(.{4})(?=.)/g, '$1:');
}
