import { spawn } from 'node:child_process';

/** One step of `pnpm check`: a tool and its arguments, run from the root. */
interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

const steps: readonly Step[] = [
  { name: 'types of src', command: ['tsc', '-b'] },
  { name: 'types of tests', command: ['tsc', '-p', 'tsconfig.test.json'] },
  { name: 'lint', command: ['oxlint'] },
  { name: 'format', command: ['biome', 'check', '.'] },
  { name: 'dead code', command: ['knip'] },
  { name: 'tidy', command: ['vitest', 'run', '--project', 'unit', 'test/tidy.test.ts'] },
];

/** Runs a step, showing its output only when it fails. */
function runStep({ command: [tool, ...args] }: Step): Promise<{ ok: boolean; output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ ok: boolean; output: string }>();
  const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.on('error', (error) => resolve({ ok: false, output: `${tool}: ${error.message}` }));
  child.on('close', (code) => resolve({ ok: code === 0, output }));
  return promise;
}

let failed = 0;
for (const step of steps) {
  const startedAt = performance.now();
  const { ok, output } = await runStep(step);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${ok ? '✓' : '✗'} ${step.name} (${seconds} s)`);
  if (ok) continue;
  failed += 1;
  console.log(output);
}
if (failed > 0) process.exitCode = 1;
