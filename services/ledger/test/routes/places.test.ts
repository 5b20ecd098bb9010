import { expect, test } from 'vitest';
import { Places } from '../../src/routes/places.ts';

test('no client takes more than its share, and all together no more than there are', () => {
  const places = new Places(3, 2);
  const first = places.take('a');
  expect([first, places.take('a'), places.take('b')]).toEqual(Array(3).fill(expect.any(Function)));
  expect(places.take('a')).toBe('client');
  expect(places.take('c')).toBe('all');
  expect(places.count).toBe(3);
});

test('a place is given back once', () => {
  const places = new Places(2, 1);
  const release = places.take('a');
  expect(places.take('a')).toBe('client');
  if (typeof release === 'string') throw new Error(release);
  release();
  release();
  expect(places.count).toBe(0);
  expect([places.take('a'), places.take('b')]).toEqual([expect.any(Function), expect.any(Function)]);
  // The second release above took nothing from the one who came after.
  release();
  expect(places.count).toBe(2);
  expect(places.take('c')).toBe('all');
});
