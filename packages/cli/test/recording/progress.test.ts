import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createOutput } from '../../src/output.ts';
import { showProgress } from '../../src/recording/progress.ts';
import type { RecordingSource } from '../../src/recording/recordings.ts';

/** What standard error got, with or without a person at it. */
async function watch(source: RecordingSource, isTTY: boolean, options = {}) {
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 120, rows: 24 });
  const streams = { stdout: stderr, stderr } as never;
  const view = await showProgress(streams, createOutput(streams, options), source);
  return { view, said: () => String(stderr.read() ?? '') };
}

const at = (acknowledgedCount: number) => ({ plainBytes: 10, chunkCount: 5, acknowledgedCount });

test('a recorded terminal has the screen for itself: nothing hides its cursor', async () => {
  const { view, said } = await watch({ kind: 'terminal', command: 'bash' }, true);
  view.update(at(1));
  view[Symbol.dispose]();
  expect(said()).toBe('');
});

test('a bar says what is tried again, until it works', async () => {
  const { view, said } = await watch({ kind: 'pipe' }, true);
  view.waiting(new Error('sessions cannot be reached.'));
  view.update(at(0));
  view[Symbol.dispose]();
  expect(said()).toContain('10 B  0 of 5 chunks safe  trying again: sessions cannot be reached.');
  const later = await watch({ kind: 'pipe' }, true);
  later.view.waiting(new Error('sessions cannot be reached.'));
  later.view.update(at(1));
  later.view[Symbol.dispose]();
  expect(later.said()).toMatch(/1 of 5 chunks safe(?!.*trying again)/);
});

test('without a terminal it is said once that the platform is away, and once that it is back', async () => {
  const { view, said } = await watch({ kind: 'pipe' }, false);
  view.update(at(1));
  view.waiting(new Error('sessions cannot be reached.'));
  view.waiting(new Error('sessions cannot be reached.'));
  view.update(at(1));
  view.update(at(2));
  view.update(at(3));
  expect(said().trim().split('\n')).toEqual([
    'sessions cannot be reached. What is recorded is kept here and sent when that works again.',
    'The platform is back.',
  ]);
});

test('programs are told nothing', async () => {
  const { view, said } = await watch({ kind: 'pipe' }, true, { json: true });
  view.waiting(new Error('sessions cannot be reached.'));
  expect(said()).toBe('');
});
