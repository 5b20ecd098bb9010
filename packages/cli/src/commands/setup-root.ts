import { stat } from 'node:fs/promises';
import { cliError } from '../errors.ts';
import { formatFields, type Output } from '../output.ts';
import { type NameRoot, nameRootInError } from '../root-name.ts';
import { serviceUser } from '../setup/host-layout.ts';
import { ensureHostRoot, type HostRoot } from '../setup/host-root.ts';
import type { PlatformOptions } from '../setup/keys.ts';
import { isErrno } from '../setup/private-file.ts';
import { describeKeys, listCreated, noteUnused } from './setup.ts';

/** Where api writes the code of the first admin, relative to the root. */
const setupCode = 'data/api/setup-code';

/** Makes the machine's folders, keys and copies, and says what comes next. */
export async function runRoot(output: Output, root: string, options: PlatformOptions, name: NameRoot): Promise<void> {
  const host = await makeRoot(root, options, name);
  noteUnused(options, host.keys, output.note);
  if (process.geteuid?.() !== serviceUser.uid) {
    output.note(`note: the images run as user ${serviceUser.uid}, and cannot read what was made by another.`);
  }
  const { created, keys } = host;
  output.result(
    { root, created, addresses: keys.addresses, genesis: keys.genesis, setupCode },
    name(`${describeRoot(host)}\n${listNextSteps(root)}`),
  );
}

async function makeRoot(root: string, options: PlatformOptions, name: NameRoot): Promise<HostRoot> {
  try {
    await verifyOwner(root, process.geteuid?.());
    return await ensureHostRoot(root, options);
  } catch (error) {
    throw nameRootInError(error, name);
  }
}

function listNextSteps(root: string): string {
  const steps = [
    `Back up ${root}/keys, sealed: whoever has it is the platform, and without it there is none.`,
    `Start the platform. Then read the code of the first admin: cat ${root}/${setupCode}`,
    'lucid login --setup-code CODE --username NAME',
  ];
  return ['Next:', ...steps.map((step, index) => `  ${index + 1}. ${step}`)].join('\n');
}

function describeRoot({ root, keys, created }: HostRoot): string {
  const folders = created.filter((name) => name.endsWith('/')).length;
  const secrets = created.filter((name) => name.startsWith('secrets/') && !name.endsWith('/')).length;
  const made = created.filter((name) => name.startsWith('keys/') && !name.endsWith('/'));
  const more = [
    ...(folders > 0 ? [`${folders} folders`] : []),
    ...(secrets > 0 ? [`${secrets} copies in secrets`] : []),
  ];
  return formatFields([['root', root], ['made', listCreated([...made, ...more])], ...describeKeys(keys)]);
}

/** What one user makes another cannot read: only the folder's owner may fill it. */
async function verifyOwner(root: string, user: number | undefined): Promise<void> {
  const { uid, gid } = serviceUser;
  if (user === 0) {
    const advice = `Give the folder to user ${uid}, then run this as that user: mkdir -p ${root} && chown ${uid}:${gid} ${root} && sudo -u '#${uid}' lucid setup --root ${root}`;
    throw cliError('ROOT_FOREIGN', `The services, which run as user ${uid}, cannot read what root makes. ${advice}`);
  }
  const owner = await findOwner(root);
  if (owner === undefined || owner === user) return;
  const advice =
    owner === 0
      ? `Give it to the services first, as root: lucid setup --claim ${root}, or chown ${uid}:${gid} ${root}`
      : `Run this command as user ${owner}: sudo -u '#${owner}' lucid setup --root ${root}`;
  throw cliError('ROOT_FOREIGN', `${root} belongs to user ${owner}, and you are user ${user}. ${advice}`);
}

async function findOwner(root: string): Promise<number | undefined> {
  try {
    const found = await stat(root);
    if (!found.isDirectory()) throw cliError('FILE_UNREADABLE', `${root} is not a folder.`);
    return found.uid;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
