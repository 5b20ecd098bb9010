import { cliError } from '../errors.ts';

/** Parts beside the services that a platform may be started with, and their versions where they matter. */
export type ChosenParts = ReadonlyMap<string, string | undefined>;

const partNames = ['mongo', 'redis', 'tor'];

/** Reads `mongo:7.0,redis`. @throws USAGE_INVALID */
export function parseParts(list: readonly string[]): ChosenParts {
  const parts = new Map<string, string | undefined>();
  for (const part of list.flatMap((text) => text.split(',')).filter(Boolean)) {
    const [name = '', version] = part.split(':');
    if (!partNames.includes(name) || (version !== undefined && !/^\d+(\.\d+)*$/.test(version))) {
      throw cliError('USAGE_INVALID', `--with takes ${partNames.join(', ')}, or mongo:VERSION, not "${part}".`);
    }
    parts.set(name, version);
  }
  return parts;
}
