import { styleText } from 'node:util';

/** Tells what happens, step by step, each with the time it took. */
export interface Narrator {
  /** Runs a step under its title; `say` adds lines below it. */
  step<T>(title: string, work: (say: (line: string) => void) => Promise<T>): Promise<T>;
  readonly totalSeconds: () => number;
}

export function createNarrator(print: (line: string) => void): Narrator {
  const startedAt = performance.now();
  let count = 0;
  return {
    totalSeconds: () => (performance.now() - startedAt) / 1000,
    step: async (title, work) => {
      count += 1;
      print(`\n${styleText('bold', `${count}. ${title}`)}`);
      const begun = performance.now();
      const result = await work((line) => print(`   ${line}`));
      print(styleText('dim', `   ${((performance.now() - begun) / 1000).toFixed(2)} s`));
      return result;
    },
  };
}

/** `12.3 MiB` */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB'];
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1] ?? ''}`;
}

/** `90 s`, `26 h`, `5 days` */
export function formatSpan(seconds: number): string {
  if (seconds < 600) return `${seconds} s`;
  const hours = Math.round(seconds / 3600);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
