/** Least serious first. */
export const severities = ['ok', 'info', 'warn', 'fail'] as const;

export type Severity = (typeof severities)[number];

/** What one check has to say. */
export interface Finding {
  /** The check's name, kebab-case; the same at every run. */
  readonly id: string;
  /** `info`: could not be told, or is neither good nor bad. `warn`: works, but not well. `fail`: will not work. */
  readonly severity: Severity;
  /** What was found. */
  readonly found: string;
  /** Why it matters. */
  readonly why: string;
  /** What to do, to be typed as it is where that is possible; on all that warns or fails. */
  readonly fix?: string;
}

/** Who the machine is for: `pi` serves people, `dev` is somebody's own, `ci` lives for minutes. */
export const profiles = ['pi', 'dev', 'ci'] as const;

export type Profile = (typeof profiles)[number];

/** What a machine that serves nobody may lack. */
const forServing: ReadonlySet<string> = new Set(['disk-mounted', 'memory-cgroup', 'memory-total']);

/** What is not worth a warning where everything is thrown away. */
const forLasting: ReadonlySet<string> = new Set(['clock', 'fsync', 'swap', 'temperature', 'disk-type']);

/** The variable that lets the platform start in spite of a failure, by the finding's id. */
export const overrides = {
  'disk-mounted': 'LUCID_ALLOW_UNMOUNTED',
  'disk-space': 'LUCID_ALLOW_LITTLE_SPACE',
  'memory-cgroup': 'LUCID_ALLOW_NO_MEMORY_LIMITS',
  mongo: 'LUCID_ALLOW_UNSUITED_MONGO',
} as const;

export type OverridableId = keyof typeof overrides;

/** Weighs findings for the machine's purpose and by what the operator allowed. */
export function weigh(
  findings: readonly Finding[],
  profile: Profile,
  allowed: ReadonlySet<OverridableId>,
): readonly Finding[] {
  return findings.map((finding) => {
    if (profile === 'ci' && finding.severity === 'warn' && forLasting.has(finding.id)) {
      return { ...finding, severity: 'info' };
    }
    if (finding.severity !== 'fail') return finding;
    if (profile !== 'pi' && forServing.has(finding.id)) return { ...finding, severity: 'warn' };
    const override = overrides[finding.id as OverridableId] as string | undefined;
    if (override === undefined) return finding;
    return allowed.has(finding.id as OverridableId)
      ? { ...finding, severity: 'warn', found: `${finding.found} (allowed by ${override}=1)` }
      : { ...finding, fix: `${finding.fix} To start all the same: ${override}=1.` };
  });
}

/** The most serious of the findings; `ok` of none. */
export function worstOf(findings: readonly Finding[]): Severity {
  return severities[Math.max(0, ...findings.map(({ severity }) => severities.indexOf(severity)))] ?? 'ok';
}
