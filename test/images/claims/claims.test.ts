import { describe, expect, test } from 'vitest';
import { platformImages } from '../build.ts';
import { claims, seedImages } from './claims.ts';
import { formatClaims } from './document.ts';
import { Evidence } from './evidence.ts';

describe('the seed’s claims', () => {
  test('are about the fourteen images', () => {
    expect(seedImages.map(({ tag }) => tag)).toEqual([...platformImages]);
  });

  test('have no figure where nothing was measured', () => {
    const nothing = new Evidence(undefined, []);
    const text = claims.map(({ truth }) => truth(nothing)).join('\n');
    expect(text).not.toMatch(/\d+(\.\d+)? (MB|%|s)\b/);
    expect(formatClaims(nothing)).toContain('`pnpm images` has left no report.');
  });

  test('hold only where they were measured and passed', () => {
    const verdicts = (evidence: Evidence) =>
      [...formatClaims(evidence).matchAll(/\| \*\*(.+?)\*\* \|/g)].map((m) => m[1]);
    expect(verdicts(new Evidence(undefined, []))).not.toContain('holds');
    const step = { name: 'open ports', ok: false, seconds: 1, detail: 'redis listens' };
    const expected = claims.findIndex(({ seed }) => seed.startsWith('Ports '));
    expect(verdicts(new Evidence(undefined, [step]))[expected]).toBe('fails');
  });

  test('say when what was measured failed', () => {
    const step = { name: 'open ports', ok: false, seconds: 1, detail: 'redis listens\non 0.0.0.0' };
    expect(new Evidence(undefined, [step]).stack('open ports')).toBe('**fails**: redis listens');
    expect(new Evidence(undefined, [step]).stack('down and up')).toContain('not measured');
  });
});
