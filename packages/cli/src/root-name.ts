import { AppError, isAppError } from '@lucid/common/errors';

/** Puts the machine's own name of the platform's folder into a text, so that commands in it can be typed there. */
export type NameRoot = (text: string) => string;

/**
 * In a container the folder has the name it is mounted under; `hostRoot` is what the machine calls it.
 * @example nameRoot('/lucid', '/mnt/ssd/Lucid')('ls /lucid/keys') === 'ls /mnt/ssd/Lucid/keys'
 */
export function nameRoot(root: string, hostRoot: string | undefined): NameRoot {
  if (hostRoot === undefined || root === '/') return (text) => text;
  // Only where a path begins, and not where a longer name only begins alike.
  const pattern = new RegExp(`(?<![\\w./-])${root.replaceAll(/[^\w/-]/g, '\\$&')}(?![\\w-])`, 'g');
  return (text) => text.replace(pattern, () => hostRoot);
}

/** The error with the folder's own name in its text. */
export function nameRootInError(error: unknown, name: NameRoot): unknown {
  if (!isAppError(error)) return error;
  const { code, status, data } = error;
  return new AppError(code, name(error.message), { status, data, cause: error });
}
