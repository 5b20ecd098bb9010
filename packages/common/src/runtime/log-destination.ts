import { writeSync } from 'node:fs';

/** Where log lines go: each is one `write`, its line feed included. */
export interface LogDestination {
  /** The line and everything held before it are handed to the system before this returns. */
  write(line: string): void;
  /** The line may wait for others, in order, for a moment that is bounded in time and in bytes. */
  writeLater(line: string): void;
  /** Hands over what is held. */
  flushSync(): void;
}

const heldBytesMax = 16 * 1024;
const heldMs = 50;
const fullPauseMs = 5;

/**
 * Lines written to a file descriptor. A system call per request would be a fifth of a small request's cost, so the
 * lines of requests wait for one another, at most `heldMs`. What is held is written when a line comes that may not
 * wait, and when the process ends, for whatever reason but SIGKILL.
 */
export function createLogDestination(fd: number): LogDestination {
  let held = '';
  let timer: NodeJS.Timeout | undefined;
  let isBroken = false;
  const flushSync = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const text = held;
    held = '';
    if (text !== '' && !isBroken) isBroken = !writeWhole(fd, Buffer.from(text, 'utf8'));
  };
  process.on('exit', flushSync);
  return {
    write: (line) => {
      held += line;
      flushSync();
    },
    writeLater: (line) => {
      held += line;
      if (held.length >= heldBytesMax) flushSync();
      else timer ??= setTimeout(flushSync, heldMs).unref();
    },
    flushSync,
  };
}

/** Answers whether the other end still takes lines: a log nobody reads any more stops no service. */
function writeWhole(fd: number, bytes: Uint8Array): boolean {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      if (error.code === 'EPIPE') return false;
      if (error.code !== 'EAGAIN') throw error;
      // A pipe that is full: its reader is given the time to empty it.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fullPauseMs);
    }
  }
  return true;
}

let standardOutput: LogDestination | undefined;

/** The one destination of a process's standard output, whichever loggers write to it. */
export function standardOutputDestination(): LogDestination {
  standardOutput ??= createLogDestination(1);
  return standardOutput;
}
