import type { Host } from './host.ts';

/** A program that listens on a port, as far as this user may know. */
export interface Listener {
  readonly pid: number;
  readonly name: string;
}

/** State 0A of proc_net_tcp(5). */
const listening = '0A';

/** Whether anybody listens on the port: the program, `unknown` when this user may not see whose it is, or nobody. */
export function findListener(host: Host, port: number): Listener | 'unknown' | undefined {
  const inode = findSocket(host, port);
  if (inode === undefined) return undefined;
  for (const pid of host.list('proc').filter((name) => /^\d+$/.test(name))) {
    const isHolder = host
      .list(`proc/${pid}/fd`)
      .some((fd) => host.link(`proc/${pid}/fd/${fd}`) === `socket:[${inode}]`);
    if (isHolder) return { pid: Number(pid), name: host.text(`proc/${pid}/comm`) ?? '?' };
  }
  return 'unknown';
}

function findSocket(host: Host, port: number): string | undefined {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = ['tcp', 'tcp6'].flatMap((table) => host.text(`proc/net/${table}`)?.split('\n').slice(1) ?? []);
  const columns = rows.map((row) => row.trim().split(/\s+/));
  return columns.find(([, local, , state]) => state === listening && local?.endsWith(`:${wanted}`))?.[9];
}
