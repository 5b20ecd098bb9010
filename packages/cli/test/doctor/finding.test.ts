import { describe, expect, test } from 'vitest';
import { type Finding, type OverridableId, type Profile, weigh, worstOf } from '../../src/doctor/finding.ts';

function finding(id: string, severity: Finding['severity']): Finding {
  return { id, severity, found: 'Found.', why: 'Why.', fix: 'Fix.' };
}

describe('weigh', () => {
  const judge = (found: Finding, profile: Profile = 'pi', ...allowed: OverridableId[]) =>
    weigh([found], profile, new Set(allowed))[0];

  test('a failure names the variable that allows it, and is a warning once that is set', () => {
    expect(judge(finding('disk-mounted', 'fail'))).toMatchObject({
      severity: 'fail',
      fix: 'Fix. To start all the same: LUCID_ALLOW_UNMOUNTED=1.',
    });
    expect(judge(finding('disk-mounted', 'fail'), 'pi', 'disk-mounted')).toMatchObject({
      severity: 'warn',
      found: 'Found. (allowed by LUCID_ALLOW_UNMOUNTED=1)',
    });
    expect(judge(finding('mongo', 'fail'), 'pi', 'disk-mounted')).toMatchObject({ severity: 'fail' });
  });

  test('what cannot be allowed stays a failure', () => {
    expect(judge(finding('disk-writable', 'fail'), 'dev')).toEqual(finding('disk-writable', 'fail'));
  });

  test('a machine that serves nobody may lack what serving needs', () => {
    expect(judge(finding('memory-cgroup', 'fail'), 'dev')).toMatchObject({ severity: 'warn' });
    expect(judge(finding('swap', 'warn'), 'dev')).toMatchObject({ severity: 'warn' });
    expect(judge(finding('swap', 'warn'), 'ci')).toMatchObject({ severity: 'info' });
  });
});

test('the worst decides', () => {
  expect(worstOf([])).toBe('ok');
  expect(worstOf([finding('a', 'info'), finding('b', 'ok')])).toBe('info');
  expect(worstOf([finding('a', 'warn'), finding('b', 'fail'), finding('c', 'ok')])).toBe('fail');
});
