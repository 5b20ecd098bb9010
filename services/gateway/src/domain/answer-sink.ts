import type { Header } from './headers.ts';

/**
 * Where an upstream's answer goes. `start` is called once, before any `write`; after `end` or `abort` nothing more is.
 * `write` answers false when the client is behind: no more is written until `onDrain`'s callback has run.
 */
export interface AnswerSink {
  start(status: number, headers: readonly Header[]): void;
  write(chunk: Uint8Array): boolean;
  onDrain(resume: () => void): void;
  end(): void;
  /** The answer broke off: the client must see that it is incomplete. */
  abort(): void;
}
