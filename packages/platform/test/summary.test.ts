import { expect, test } from 'vitest';
import { urlsOf } from '../src/environment.ts';
import { portsFrom } from '../src/ports.ts';
import { formatSummary } from '../src/summary.ts';

const facts = { version: '0.1.0', seconds: 1, dataDir: '/data', keysCreated: [], setupCode: 'AAAAA' };

test('the command it offers reaches this platform, wherever its gateway listens', () => {
  const usual = formatSummary({ ...facts, urls: urlsOf('127.0.0.1', portsFrom(8080)) });
  expect(usual).toContain('lucid login --setup-code AAAAA --username me\n');
  const other = formatSummary({ ...facts, urls: urlsOf('127.0.0.1', portsFrom(9080)) });
  expect(other).toContain('lucid login --setup-code AAAAA --username me --gateway http://127.0.0.1:9082\n');
  expect(other).toMatch(/http:\/\/127\.0\.0\.1:9080 +documentation/);
});

test('with somebody registered it offers none', () => {
  const text = formatSummary({ ...facts, setupCode: undefined, urls: urlsOf('127.0.0.1', portsFrom(8080)) });
  expect(text).not.toContain('setup');
});
