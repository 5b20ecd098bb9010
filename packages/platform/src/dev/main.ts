import { type ChildProcess, fork } from 'node:child_process';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// `pnpm dev`: runs the platform in a child process and starts it again when a source changes. The child ends when this
// process does, however that happens: it watches the channel between them.

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const platform = fileURLToPath(new URL('../main.ts', import.meta.url));
const settleMs = 150;

let child: ChildProcess | undefined;
let isClosing = false;
let restart: NodeJS.Timeout | undefined;

function start(): void {
  child = fork(platform, process.argv.slice(2), {
    execArgv: ['--conditions=source'],
    cwd: root,
    // What was compiled for the last start serves the next: a restart takes two thirds of the time.
    env: { NODE_COMPILE_CACHE: join(root, '.cache/compile'), ...process.env },
  });
  child.once('exit', (code, signal) => {
    child = undefined;
    if (isClosing) return;
    if (restart) {
      restart = undefined;
      start();
      return;
    }
    console.error(
      `The platform ended (${signal ?? `exit code ${code}`}). It starts again when a source changes; Ctrl-C ends.`,
    );
  });
}

/** Waits for the burst of events of one save to end, then restarts once. */
function onChange(folder: string, file: string | null): void {
  if (file === null || isClosing || !/(^|\/)src\/.+\.(ts|json|html|css|js)$/.test(join(folder, file))) return;
  if (/(^|\/)(node_modules|dist)\//.test(file)) return;
  clearTimeout(restart);
  restart = setTimeout(() => {
    console.log(`\n${folder}/${file} changed: restarting on the same data`);
    if (child) {
      child.kill('SIGTERM');
      return;
    }
    restart = undefined;
    start();
  }, settleMs);
}

function close(): void {
  isClosing = true;
  for (const watcher of watchers) watcher.close();
  child?.kill('SIGTERM');
}

/** A parent that was killed cannot tell us; that we were handed to another process does. */
function closeWhenOrphaned(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) close();
  }, 500).unref();
}

const watchers = ['packages', 'services'].map((folder) =>
  watch(join(root, folder), { recursive: true }, (_event, file) => onChange(folder, file)),
);
process.on('SIGINT', close).on('SIGTERM', close);
closeWhenOrphaned();
start();
