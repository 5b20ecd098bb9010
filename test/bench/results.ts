import { readFile, writeFile } from 'node:fs/promises';

const file = new URL('./RESULTS.md', import.meta.url);

/** Puts a suite's section in place of its last one in `RESULTS.md`. */
export async function writeSection(name: string, text: string): Promise<void> {
  const before = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '# Benchmarks\n';
    throw error;
  });
  const [head = '', ...sections] = before.split(/^(?=## )/m);
  const others = sections.filter((section) => !section.startsWith(`## ${name}\n`));
  const parts = [head.trim(), ...others.map((section) => section.trim()), `## ${name}\n\n${text.trim()}`];
  await writeFile(file, `${parts.join('\n\n')}\n`);
}
