import { expect, test } from 'vitest';
import { KeyedLock } from '../../src/domain/keyed-lock.ts';
import { UploadSlots } from '../../src/domain/upload-slots.ts';

test('work under one key runs one at a time and in order, under another beside it', async () => {
  const lock = new KeyedLock();
  const events: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = lock.run('a', async () => {
    events.push('a1 in');
    await gate.promise;
    events.push('a1 out');
    throw new Error('failed');
  });
  const second = lock.run('a', async () => void events.push('a2'));
  await lock.run('b', async () => void events.push('b'));
  expect(events).toEqual(['a1 in', 'b']);
  gate.resolve();
  await expect(first).rejects.toThrow('failed');
  await second;
  expect(events).toEqual(['a1 in', 'b', 'a1 out', 'a2']);
});

test('slots are counted in all and for each session, and given back', () => {
  const slots = new UploadSlots({ max: 3, perSessionMax: 2 });
  const first = slots.take('a');
  slots.take('a');
  expect(() => slots.take('a')).toThrow(/of this session/);
  slots.take('b');
  expect(() => slots.take('c')).toThrow(/3 uploads/);
  first[Symbol.dispose]();
  expect(slots.running).toBe(2);
  slots.take('c');
});
