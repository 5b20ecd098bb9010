/**
 * The oldest tor that is safe for onion services: 0.4.9.11 closed a way for the rendezvous point to sit between service
 * and visitor (tor issue 41297).
 */
const safeVersion = [0, 4, 9, 11] as const;

/**
 * Whether this tor may be used.
 * @param version as tor says it: `0.4.9.11`, `0.4.9.11 (git-…)`, `0.5.0.1-alpha`
 * @param versionStatus `status/version/current`: what the directories say of it
 */
export function isSafeTor(version: string, versionStatus: string | undefined): boolean {
  if (versionStatus === 'obsolete' || versionStatus === 'unrecommended') return false;
  const match = /^(\d{1,4})\.(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?![\d.])/.exec(version);
  if (!match) return false;
  const parts = match.slice(1).map(Number);
  for (const [index, least] of safeVersion.entries()) {
    const part = parts[index] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
