import { join } from 'node:path';
import { run, succeeds } from '../../support/run-command.ts';
import { cacheDir } from '../config.ts';
import { DebianArchive } from '../debian.ts';
import type { Engine } from '../engine.ts';
import { standInLabel } from '../oci.ts';
import { baseImages } from './contents.ts';
import { makeStandIns } from './stand-ins.ts';

export type BaseChoice = 'real' | 'stand-ins' | 'either';

/**
 * Sees to it that the engine has every base: those it has are taken; else the real ones are pulled (unless stand-ins
 * were asked for); else, unless real ones were asked for, stand-ins are made. Returns what was found or done.
 */
export async function prepareBases(engine: Engine, choice: BaseChoice, refresh: boolean): Promise<string> {
  const references = baseImages.map(({ repository }) => `${repository}:nonroot`);
  const found = refresh ? [] : await Promise.all(references.map((reference) => findBase(engine, reference)));
  if (found.length > 0 && found.every((base) => base !== undefined)) {
    const standIns = found.filter((base) => base?.isStandIn).length;
    if (standIns === 0) return `${found.length} real ones are here`;
    if (choice !== 'real') return `${found.length} are here, ${standIns} of them stand-ins`;
  }
  if (choice !== 'stand-ins' && (await pullAll(engine, references))) return `pulled ${references.length}`;
  if (choice === 'real') throw new Error(`cannot pull ${references.join(', ')}`);
  const archive = new DebianArchive(join(cacheDir, 'debian'));
  if (refresh) archive.refresh();
  return makeStandIns(engine, archive);
}

async function findBase({ environment }: Engine, reference: string): Promise<{ isStandIn: boolean } | undefined> {
  try {
    const labels = await run(['docker', 'image', 'inspect', '--format', '{{json .Config.Labels}}', reference], {
      environment,
    });
    return { isStandIn: labels.includes(standInLabel) };
  } catch {
    return undefined;
  }
}

async function pullAll({ environment }: Engine, references: readonly string[]): Promise<boolean> {
  for (const reference of references)
    for (const platform of ['linux/amd64', 'linux/arm64'])
      if (!(await succeeds(['docker', 'pull', '-q', '--platform', platform, reference], { environment }))) return false;
  return true;
}
