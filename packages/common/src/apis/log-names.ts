/** What a log of the ledger may be called, as a pattern: it is part of paths, of file names and of its origin. */
export const logNamePattern = '^[a-z][a-z0-9-]{0,31}$';

/** What lies beside the logs' folders, and who signs beside them. */
const namesTaken: readonly string[] = ['published', 'witness'];

/** Whether a log may be called so (`LEDGER_LOGS`): nothing else of the ledger's is. */
export function isLogName(name: string): boolean {
  return new RegExp(logNamePattern).test(name) && !namesTaken.includes(name);
}
