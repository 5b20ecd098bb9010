import { AppError } from '@lucid/common/errors';
import { expect, test } from 'vitest';
import { nameRoot, nameRootInError } from '../src/root-name.ts';

test('the folder gets the machine’s name, and nothing else does', () => {
  const name = nameRoot('/lucid', '/mnt/$& ssd/Lucid');
  expect(name('mv /lucid/keys/a /lucid, in /lucid-old and lucid')).toBe(
    'mv /mnt/$& ssd/Lucid/keys/a /mnt/$& ssd/Lucid, in /lucid-old and lucid',
  );
  expect(name('the log log.example/lucid/lucid of ../lucid')).toBe('the log log.example/lucid/lucid of ../lucid');
  expect(nameRoot('/a.b+c', '/d')('/a.b+c/x, /aXb+c')).toBe('/d/x, /aXb+c');
  expect(name('')).toBe('');
  expect(nameRoot('/lucid', undefined)('/lucid')).toBe('/lucid');
});

test('an error keeps its code', () => {
  const error = new AppError('KEY_LOST', '/lucid/keys/a is gone');
  expect(nameRootInError(error, nameRoot('/lucid', '/ssd'))).toMatchObject({
    code: 'KEY_LOST',
    message: '/ssd/keys/a is gone',
  });
});
