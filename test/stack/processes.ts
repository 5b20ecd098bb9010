import { readdir, readFile } from 'node:fs/promises';

/** Process `pid` and every one under it: all of a container, given its first. */
export async function processesOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const children = (await Promise.all(threads.map((thread) => childrenOf(pid, thread)))).flat();
  return [pid, ...(await Promise.all(children.map(processesOf))).flat()];
}

async function childrenOf(pid: number, thread: string): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${thread}/children`, 'utf8');
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}

/** Bytes a process holds, of what it shares its part only (proportional set size). */
export async function proportionalBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
}
